"""Copies of a Unix tree on filesystems that hold less: NTFS and FAT have no owners, modes and links of that kind.

A command that says "this owner" or "a link here" in so many words is refused there. A copy of a whole tree is made as
far as it goes, as cp and tar do, and what was left out is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from imgtools.change.change import (
    Change,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    SetXattr,
    Upload,
    WriteFile,
)
from imgtools.files.paths import normalise
from imgtools.records.disks import Mount
from imgtools.records.system import Warned

# Nanoseconds since 1970 that an inode holds: 34 bits of seconds, from 1901 on (fs/ext4/ext4.h).
EXT_TIMES = (-(1 << 31) * 10**9, ((1 << 31) + (3 << 32)) * 10**9 - 1)
NAMES = {"ntfs": "NTFS", "vfat": "FAT"}
# What Windows takes in no name: characters, endings, and names of its devices (ntfs-3g's windows_names).
_NO_NAME = re.compile(
    r'[\x00-\x1f"*/:<>?\\|]|[ .]$|^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|$)', re.IGNORECASE
)


def takes_name(name: str, content: str) -> bool:
    """Whether a file on a filesystem of the kind ``content`` may have this name."""
    if content in NAMES and _NO_NAME.search(name):
        return False
    return 0 < len(name.encode("utf-8", "surrogateescape")) <= 255


def fitted(changes: Iterable[Change | Warned], mounts: Sequence[Mount]) -> Iterator[Change | Warned]:
    """Yield changes as the filesystem that each path is on can hold them.

    :param changes: copies, as of :mod:`imgtools.change.host_tree` and :mod:`imgtools.change.unpack`; paths resolved.
    """
    contents = {normalise(mount.path): mount.volume.content for mount in mounts}
    uploads: dict[str, Upload] = {}  # on FAT, where a second name has to be a second copy
    left_out: set[str] = set()
    for change in changes:
        content = "" if isinstance(change, Warned) else _content_at(getattr(change, "path", ""), contents)
        if content == "vfat":
            if isinstance(change, MakeHardLink) and change.target in uploads:
                change = replace(uploads[change.target], path=change.path)
            if isinstance(change, Upload):
                uploads[change.path] = change
        if isinstance(change, SetXattr) and change.path in left_out:
            continue
        fit = _fit(change, content) if content in NAMES else _in_time(change, content)
        if isinstance(fit, Warned) and isinstance(change, (MakeLink, MakeSpecial, MakeHardLink)):
            left_out.add(change.path)
        yield fit


def _in_time(change: Change | Warned, content: str) -> Change | Warned:
    """A change whose time is one that the filesystem can hold, the nearest as the kernel takes it."""
    mtime = getattr(change, "mtime", None)
    if mtime is None or not content.startswith("ext"):
        return change
    return replace(change, mtime=max(EXT_TIMES[0], min(mtime, EXT_TIMES[1])))


def _content_at(path: str, contents: dict[str, str]) -> str:
    points = [point for point in contents if f"{path}/".startswith(f"{point.rstrip('/')}/")]
    return contents[max(points, key=len)] if points else ""


def _fit(change: Change | Warned, content: str) -> Change | Warned:
    name = NAMES[content]
    match change:
        case Upload() | WriteFile():
            return replace(change, mode=None, uid=None, gid=None)
        case MakeDirectory():
            # mtools sets no times of directories.
            return MakeDirectory(change.path, mtime=None if content == "vfat" else change.mtime)
        case MakeLink() | MakeSpecial():
            return Warned(f"left out: {name} has no links and special files as Unix has them", change.path)
        case MakeHardLink() if content == "vfat":
            return Warned(f"left out: {name} has no second names of a file", change.path)
        case SetXattr() if content == "vfat":
            return Warned(f"left out: the attribute {change.name}, {name} has none", change.path)
        case _:
            return change
