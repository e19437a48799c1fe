"""Empty the logs that applications keep elsewhere: files `*.log` below `/srv`, `/opt` and `/var/www`.

As `logfiles` does it: the log that is being written is emptied, what was rotated away goes. ``folders`` are other
places to look in. Not by default, because what is there belongs to somebody's application, not to the system. The
numbered logs of LevelDB and RocksDB (`000042.log`) are their data, and stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, Remove, Truncate
from imgtools.files.paths import normalise
from imgtools.guest.guest import Guest
from imgtools.guest.logs.rotated import is_rotated
from imgtools.ops.operation import UNIX, Operation
from imgtools.records.files import FileKind

FOLDERS = ("/srv", "/opt", "/var/www")
LOG = re.compile(r"\.log$|\.log[.-]")
DATA = re.compile(r"^\d{6}\.log$")  # LevelDB's and RocksDB's write-ahead log


@dataclass(frozen=True, slots=True)
class Params:
    """``folders``: where the applications are."""

    folders: tuple[str, ...] = FOLDERS

    def __post_init__(self) -> None:
        for folder in self.folders:
            if not folder.startswith("/") or normalise(folder) == "/":
                raise ValueError(f"not a folder to look in: {folder!r}")


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the emptying of logs, and the removal of old ones."""
    for folder in params.folders:
        if not guest.files.is_dir(folder):
            continue
        for found in guest.files.walk(folder):
            name = found.path.rpartition("/")[2]
            if found.stat.kind is not FileKind.FILE or not LOG.search(name) or DATA.search(name):
                continue
            if is_rotated(name):
                yield Remove(found.path, size=found.stat.size)
            elif found.stat.size and name.endswith(".log"):
                yield Truncate(found.path, size_before=found.stat.size)


OPERATION = Operation(
    summary="Empty the logs of applications", families=UNIX, plan=plan, params=Params, default=False
)
