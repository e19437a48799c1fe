"""How a place is mounted when a guest has booted: by fstab, by a unit, or as systemd mounts it without either.

Sources: fstab(5), mount(8) (which options take others along), systemd.mount(5), systemd's tmp.mount and its
mount-setup.c (/dev/shm).
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.find.fstab import (
    FSTAB,
    FSTAB_LIMIT,
    FstabEntry,
    parse_mount_unit,
    read_fstab,
    read_mount_units,
)
from imgtools.guest.services.started import ADMIN_UNITS, Init, find_init, is_masked, unit_path

# What an option also means, unless a later one says otherwise: mount(8).
TAKES_ALONG = {
    "user": ("noexec", "nosuid", "nodev"),
    "users": ("noexec", "nosuid", "nodev"),
    "owner": ("nosuid", "nodev"),
    "group": ("nosuid", "nodev"),
    "defaults": ("suid", "dev", "exec"),
}
RESTRICTIONS = ("nodev", "nosuid", "noexec")


@dataclass(frozen=True, slots=True)
class Mounted:
    """What is mounted at a place. ``source`` is the file that says so, "" where systemd does so by itself."""

    entry: FstabEntry
    source: str = ""

    @property
    def restrictions(self) -> frozenset[str]:
        """Which of nodev, nosuid and noexec count in the end."""
        return restrictions(self.entry.options)


def restrictions(options: str) -> frozenset[str]:
    """Return which of nodev, nosuid and noexec count, the later options before the earlier ones."""
    found: set[str] = set()
    for option in options.split(","):
        for word in TAKES_ALONG.get(option.partition("=")[0], (option,)):
            if word in RESTRICTIONS:
                found.add(word)
            elif f"no{word}" in RESTRICTIONS:
                found.discard(f"no{word}")
    return frozenset(found)


def mounted_at(files: GuestReader, path: str) -> Mounted | None:
    """Return what is mounted at a place after a boot; None if nothing is, or nobody can tell."""
    # Of two lines for one place the last is on top.
    for entry in reversed(read_fstab(files).entries):
        if entry.path == path and entry.option("noauto") is None:
            return Mounted(entry, FSTAB)
    name = path.strip("/").replace("-", "\\x2d").replace("/", "-") + ".mount"
    for entry in read_mount_units(files):
        if entry.path == path:
            return Mounted(entry, f"{ADMIN_UNITS}/{name}")
    if find_init(files) is not Init.SYSTEMD:
        return None
    if path == "/dev/shm":
        return Mounted(FstabEntry("tmpfs", path, "tmpfs", "nosuid,nodev,strictatime,mode=1777"))
    return _by_vendor(files, name)


def _by_vendor(files: GuestReader, name: str) -> Mounted | None:
    """A unit that the distribution has wanted by local-fs.target: tmp.mount."""
    path = unit_path(files, name)
    wanted = any(files.glob(f"{{/usr,}}/lib/systemd/system/*.target.wants/{name}"))
    if not path or not wanted or is_masked(files, name) or files.stat(path).size > FSTAB_LIMIT:
        return None
    entry = parse_mount_unit(files.read_text(path, limit=FSTAB_LIMIT))
    return Mounted(entry, path) if entry else None
