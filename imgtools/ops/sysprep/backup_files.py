"""Remove the backup files that editors leave: ``*.bak`` and ``*~``."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, Remove
from imgtools.guest.guest import Guest
from imgtools.ops.operation import ANY, NoParams, Operation
from imgtools.records.files import FileKind
from imgtools.records.system import OsType

# On a Unix guest only where people edit: a package may own a file of that name elsewhere.
PLACES = ("/etc", "/root", "/srv", "/tmp", "/var")
ENDINGS = (".bak", "~")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removal of every backup file."""
    places = ("/",) if guest.os.type is OsType.WINDOWS else PLACES
    for place in places:
        if guest.files.lstat(place) is None or not guest.files.is_dir(place):
            continue
        for found in guest.files.walk(place):
            if found.stat.kind is FileKind.FILE and found.path.endswith(ENDINGS):
                yield Remove(found.path, size=found.stat.size)


OPERATION = Operation(summary="Remove editors' backup files", families=ANY, plan=plan)
