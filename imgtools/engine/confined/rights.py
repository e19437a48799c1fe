"""What a program that is root no more still needs to get at its files: they are root's, or in a folder of root's.

It keeps one right over files (capabilities(7)), which behind Landlock reaches those of its fence and no others. Where
the server of a network's filesystem, or one in user space, decides by who asks, only root is root: such files keep it.
"""

from __future__ import annotations

import ctypes
import functools
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from imgtools.engine.confined.credentials import OPEN_ALL, READ_ALL, held
from imgtools.engine.confined.libc import LIBC, buffer

# Filesystems whose kernel asks for nothing but modes, users and rights (linux/magic.h, and those of their own headers).
LOCAL = frozenset(
    {
        *(0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0x858458F6),  # ext, XFS, btrfs, tmpfs, ramfs
        *(0x794C7630, 0x2FC12FC1, 0xF2F52010, 0xCA451A4E, 0x3153464A),  # overlay, ZFS, F2FS, bcachefs, JFS
        *(0x9660, 0x4D44, 0x2011BAB0, 0x73717368),  # ISO 9660, FAT, exFAT, squashfs
    }
)
FUSE = 0x65735546

_statfs = LIBC.statfs


def needed(reads: Iterable[Path], writes: Iterable[Path]) -> int | None:
    """Return the capability that gets at all these files, as a bit; 0: none is needed, None: none would do."""
    reads, writes = tuple(reads), tuple(writes)
    if not all(_is_local(path) for path in (*reads, *writes)):
        return None
    if writes:
        return _held(1 << OPEN_ALL)
    if all(_is_for_all(os.path.realpath(path)) for path in reads):
        return 0
    return _held(1 << READ_ALL) or _held(1 << OPEN_ALL)


def _held(right: int) -> int | None:
    return held() & right or None


@functools.cache
def _is_for_all(path: str) -> bool:
    """Whether anybody may read a file, or look into a folder, and into all those above."""
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return path == "/" or _is_for_all(
            os.fspath(Path(path).parent)
        )  # it is not there, which anybody may see
    wanted = 0o005 if stat.S_ISDIR(mode) else 0o004
    return mode & wanted == wanted and all(above.stat().st_mode & 0o001 for above in Path(path).parents)


def _is_local(path: Path) -> bool:
    found = buffer(256)  # struct statfs; its first word is f_type
    if _statfs(os.fsencode(path), found) != 0:
        return True  # not there
    kind = int.from_bytes(found.raw[: ctypes.sizeof(ctypes.c_long)], "little") & 0xFFFFFFFF
    return kind in LOCAL or (kind == FUSE and _is_shown_to_all(path))


def _is_shown_to_all(path: Path) -> bool:
    """Whether a file is a mount of a server that answers all users: an export of ours, made by root."""
    words = (line.split(" ") for line in Path("/proc/self/mounts").read_text().splitlines())
    return any(word[1] == os.fspath(path) and "allow_other" in word[3].split(",") for word in words)
