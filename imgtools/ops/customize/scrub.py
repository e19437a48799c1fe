"""Delete a file; a directory is refused.

The name is virt-customize's, which overwrites the file before. That means little on copy-on-write storage (qcow2, thin
volumes, SSDs, snapshots), so this does not pretend to: what the file held may be left in free blocks of the image.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, Remove
from imgtools.errors import NotAFile
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, require_there
from imgtools.ops.operation import ANY, Operation
from imgtools.records.files import FileKind


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the removal.

    :raises NotAFile: it is no regular file.
    """
    path = require_there(guest.files, order.text)
    found = guest.files.lstat(path)
    if found is None or found.kind is not FileKind.FILE:
        raise NotAFile(f"not a regular file: {path}", path=path)
    yield Remove(path, size=found.size)


OPERATION = Operation(
    summary="Delete a file, without a promise that no trace of it is left",
    plan=plan,
    params=Order,
    families=ANY,
    metavar="PATH",
    notes="To get rid of what free blocks hold, make a new image of the old: `imgtools convert`, after the guest's "
    "own fstrim.",
)
