"""Empty every regular file below a directory; links, modes and owners stay."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, Truncate
from imgtools.errors import NotADirectory
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file
from imgtools.ops.operation import ANY, Operation
from imgtools.records.files import FileKind


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the emptying of each.

    :raises NotADirectory: the path is no directory.
    """
    path = guest_file(order.text)
    if not guest.files.is_dir(path):
        raise NotADirectory(f"not a directory in the guest: {path}", path=path)
    for found in guest.files.walk(path):
        if found.stat.kind is FileKind.FILE and found.stat.size:
            yield Truncate(found.path, size_before=found.stat.size)


OPERATION = Operation(
    summary="Empty every file below a directory", plan=plan, params=Order, families=ANY, metavar="DIR"
)
