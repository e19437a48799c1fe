"""POSIX access control lists, from the forms that filesystems store to the one that getxattr gives.

Sources: fs/ext4/acl.h (ext4_acl_entry), fs/xfs/libxfs/xfs_format.h (xfs_acl), include/uapi/linux/posix_acl_xattr.h.
"""

from __future__ import annotations

import struct

NAMED = {2, 8}  # ACL_USER and ACL_GROUP, the entries that name somebody
XATTR_VERSION = 2
UNDEFINED = 0xFFFFFFFF


def acl_from_ext(raw: bytes) -> bytes:
    """Version 1 of ext2/3/4: entries without an id are shorter. Anything else is returned as it is."""
    if raw[:4] != b"\1\0\0\0":
        return raw
    entries, at = [], 4
    while at + 4 <= len(raw):
        tag, permissions = struct.unpack_from("<HH", raw, at)
        at += 4
        owner = UNDEFINED
        if tag in NAMED:
            if at + 4 > len(raw):
                return raw
            (owner,) = struct.unpack_from("<I", raw, at)
            at += 4
        entries.append((tag, permissions, owner))
    return _xattr(entries)


def acl_from_xfs(raw: bytes) -> bytes:
    """``SGI_ACL_FILE`` and ``SGI_ACL_DEFAULT``: big-endian, all entries alike."""
    if len(raw) < 4 or (len(raw) - 4) % 12:
        return raw
    entries = [
        (tag, permissions, owner if tag in NAMED else UNDEFINED)
        for tag, owner, permissions, _pad in struct.iter_unpack(">IIHH", raw[4:])
    ]
    return _xattr(entries)


def _xattr(entries: list[tuple[int, int, int]]) -> bytes:
    packed = (struct.pack("<HHI", tag & 0xFFFF, permissions, owner) for tag, permissions, owner in entries)
    return struct.pack("<I", XATTR_VERSION) + b"".join(packed)
