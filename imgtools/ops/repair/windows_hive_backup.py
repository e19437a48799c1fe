r"""Put a backup in the place of a registry hive that is damaged.

Damaged is one whose beginning cannot be read. The youngest backup of which all can be read is taken:
``System32\config\RegBack``, which Windows made until version 1803 and leaves empty since (it makes them again with
EnablePeriodicBackup), or one that ``imgtools registry --backup`` has left beside the hive. ``hives`` names those that
are put back, also if they can be read: SYSTEM, SOFTWARE, SAM, SECURITY, DEFAULT. The old one is kept as NAME.damaged;
its transaction logs are emptied. What was installed or changed since the backup is gone from the registry.

Source: "The system registry is no longer backed up to the RegBack folder" (learn.microsoft.com).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import Change, WriteFile
from imgtools.errors import OddGuest, UnsupportedGuest
from imgtools.files.paths import join
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import truncate
from imgtools.ops.operation import WINDOWS, Operation

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

# A key that the hive cannot do without: one of an empty or another hive is no backup.
HIVES = {"SYSTEM": "Select", "SOFTWARE": "Microsoft", "SAM": "SAM", "SECURITY": "Policy", "DEFAULT": ""}
BACKUPS = ("RegBack/{}", "{}.bak")
LOGS = (".LOG1", ".LOG2", ".LOG")


@dataclass(frozen=True, slots=True)
class Params:
    """``hives``: these are put back, also if they can be read; without any, those that are damaged."""

    hives: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.hives:
            if name.upper() not in HIVES:
                raise ValueError(f"no such hive: {name!r}; one of {', '.join(HIVES)}")


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the backups of the hives that are named, else of those that are damaged."""
    from imgtools.guest.windows.registry import open_registry

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        wanted = [name.upper() for name in params.hives] or [
            name for name in HIVES if not _begins_well(guest, registry, _config(guest, name), name)
        ]
        backups = {name: _backup(guest, registry, name) for name in wanted}
        if without := [name for name in wanted if not backups[name]]:
            raise UnsupportedGuest(
                f"the guest has no backup of {' and '.join(without)} that can be read",
                hint="RegBack is empty since Windows 10 1803; shadow copies may have one, which imgtools does not read",
            )
        for name, backup in backups.items():
            yield from _restored(guest, name, backup)


def _config(guest: Guest, name: str) -> str:
    return join(guest.os.windows_systemroot, f"System32/config/{name}")


def _begins_well(guest: Guest, registry: Registry, path: str, name: str) -> bool:
    """Whether a file is a hive of this name whose first two levels can be read; a large one has half a million keys."""
    if not guest.files.is_file(path) or not guest.files.stat(path).size:
        return False
    try:
        root = registry.hive(path).root
        for one in root.subkeys():
            one.subkeys()
            one.values()
        return root.key(HIVES[name]) is not None
    except OddGuest:
        return False


def _backup(guest: Guest, registry: Registry, name: str) -> str:
    """The youngest backup of a hive of which every key can be read; "" if there is none."""
    paths = [_config(guest, one.format(name)) for one in BACKUPS]
    for path in sorted(paths, key=lambda one: -_written(guest, one)):
        damage: list[OddGuest] = []
        if _begins_well(guest, registry, path, name):
            for _ in registry.hive(path).root.walk(damage):
                pass
            if not damage:
                return path
    return ""


def _written(guest: Guest, path: str) -> int:
    """When a file was last written."""
    return guest.files.stat(path).mtime if guest.files.is_file(path) else 0


def _restored(guest: Guest, name: str, backup: str) -> Iterator[Change]:
    from imgtools.change.registry import MAX_HIVE

    files = guest.files
    path = _config(guest, name)
    path = files.resolve(path) if files.exists(path) else path
    new = files.read_bytes(backup, limit=MAX_HIVE)
    old = files.read_bytes(path, limit=MAX_HIVE) if files.exists(path) else b""
    if new == old:
        return
    made = time.strftime("%Y-%m-%d", time.gmtime(files.stat(backup).mtime / 1e9))
    if old:
        yield WriteFile(_free_name(guest, f"{path}.damaged"), old, private=True, what="the hive as it was")
    before = hashlib.sha256(old).hexdigest() if files.exists(path) else ""
    yield WriteFile(path, new, before=before, private=True, what=f"{backup} of {made}")
    for ending in LOGS:
        yield from truncate(files, path + ending)


def _free_name(guest: Guest, path: str) -> str:
    names = (path, *(f"{path}{number}" for number in range(2, 1000)))
    return next(name for name in names if not guest.files.exists(name))


OPERATION = Operation(
    summary="Put a backup in the place of a damaged registry hive",
    families=WINDOWS,
    plan=plan,
    params=Params,
)
