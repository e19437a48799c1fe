"""What the links of NTFS point to, in the words of ntfs-3g (libntfs-3g/reparse.c).

A target on a drive letter or volume that is not this one appears below ``/.NTFS-3G``; a tag that nobody here
knows as ``unsupported reparse tag 0x...``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

MOUNT_POINT, SYMLINK, LX_SYMLINK, WOF = 0xA0000003, 0xA000000C, 0xA000001D, 0x80000017
RELATIVE = 1  # SYMLINK_FLAG_RELATIVE
OTHER_DRIVES = "/.NTFS-3G/"
INTERIX_LINK = b"IntxLNK\1"
INTERIX_DEVICES = {b"IntxCHR\0": False, b"IntxBLK\0": True}  # magic -> is it a block device

# Finds a path, given as names, in the letter case of the volume; None if it is not there.
FindPath = Callable[[list[str]], str | None]


def reparse_tag(value: bytes) -> int:
    """The tag of a reparse point."""
    return int.from_bytes(value[:4], "little")


def link_target(value: bytes, find: FindPath, find_beside: FindPath) -> str:
    """The target of a reparse point: ``find`` starts at the root, ``find_beside`` at the link's folder."""
    tag = reparse_tag(value)
    if tag == MOUNT_POINT:
        return _absolute(_name(value, 8), find)
    if tag == SYMLINK and len(value) >= 20:
        name = _name(value, 12)
        if int.from_bytes(value[16:20], "little") & RELATIVE and not name.startswith("\\"):
            names = name.split("\\")
            return find_beside(names) or "/".join(names)
        return _absolute(name, find)
    if tag == LX_SYMLINK:
        return value[12:].decode("utf-8", "surrogateescape")
    return f"unsupported reparse tag {tag:#010x}"


def _name(value: bytes, names_at: int) -> str:
    """The substitute name, which begins ``names_at`` bytes after the header of 8."""
    if len(value) < 12:
        return ""
    offset, length = struct.unpack_from("<HH", value, 8)
    start = 8 + names_at + offset
    return value[start : start + length].decode("utf-16-le", "surrogatepass")


def _absolute(name: str, find: FindPath) -> str:
    r"""``\??\C:\Users`` -> ``/Users`` where that exists on this volume, whatever letter Windows gives it."""
    rest = name.removeprefix("\\??\\")
    if rest[1:3] == ":\\":
        names = [part for part in rest[3:].split("\\") if part]
        found = find(names) if names else None
        return found or OTHER_DRIVES + (rest[0].upper() + rest[1:]).replace("\\", "/")
    if name.startswith("\\??\\Volume{"):
        return OTHER_DRIVES + rest.removesuffix("\\").replace("\\", "/")
    names = [part for part in rest.split("\\") if part]
    return find(names) or "/" + "/".join(names)


def interix_link(content: bytes) -> str | None:
    """The target of a symbolic link as Services for Unix, and ntfs-3g, keep it in a system file."""
    if not content.startswith(INTERIX_LINK):
        return None
    return content[8:].decode("utf-16-le", "surrogatepass")


def interix_device(content: bytes) -> tuple[bool, tuple[int, int]] | None:
    """Whether a system file stands for a block device, and its major and minor; None: for no device."""
    is_block = INTERIX_DEVICES.get(content[:8])
    if is_block is None or len(content) < 24:
        return None
    major, minor = struct.unpack_from("<QQ", content, 8)
    return is_block, (major, minor)
