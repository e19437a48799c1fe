"""Copy a file or directory of the host into a directory of the guest: ``HOSTPATH:DIR``.

Modes and times are kept, links are copied as links, and everything belongs to root.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imgtools.change.change import Change
from imgtools.change.fit_to_filesystem import fitted
from imgtools.change.host_tree import Ownership, copies, name_of
from imgtools.errors import HostError, NotADirectory
from imgtools.files.paths import join
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file, split_pair
from imgtools.ops.operation import ANY, Operation
from imgtools.records.system import Warned


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield what makes the copy.

    :raises HostError: the host has no such file, or one that cannot be copied (a device; to NTFS, a link).
    :raises NotADirectory: the guest has no such directory.
    """
    name, text = split_pair(order.text, "HOSTPATH:DIR")
    folder = guest_file(text)
    if not guest.files.is_dir(folder):
        raise NotADirectory(f"not a directory in the guest: {folder}", path=folder)
    goal = join(guest.files.resolve(folder), name_of(Path(name)))
    for one in fitted(copies(Path(name), goal, Ownership(), guest.files), guest.mounts):
        if isinstance(one, Warned):
            raise HostError(f"cannot be copied: {one.path}: {one.text.removeprefix('left out: ')}")
        yield one


OPERATION = Operation(
    summary="Copy files of the host into a directory of the guest",
    plan=plan,
    params=Order,
    families=ANY,
    metavar="HOSTPATH:DIR",
)
