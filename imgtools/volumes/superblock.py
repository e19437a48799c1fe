"""The part of a filesystem's superblock that stays as it is while it is only mounted and its files are changed.

Told from what the kernel keeps there (times, counters, state, checksums), so that a change made by hand is seen: a new
label, a feature, a reserved share, a size. Where the fields are: fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h, and
btrfs-progs' kernel-shared/ctree.h.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

# Offset of the superblock, its size, and (offset in it, size) of what lasts.
Lasting = tuple[int, int, Sequence[tuple[int, int]]]
_EXT: Lasting = (
    1024,
    1024,
    (
        (0x00, 12),  # inodes, blocks, reserved blocks
        (0x14, 24),  # first block, sizes, blocks and inodes a group
        (0x36, 4),  # mounts up to a check, magic
        (0x3C, 2),  # what is done about errors
        (0x44, 68),  # seconds between checks, revision, who may use what is reserved, features, UUID, label
        (0xD0, 24),  # UUID, inode and device of the journal
        (0xEC, 28),  # hash seed, default options
        (0x150, 8),  # high halves of the sizes
        (0x15C, 4),  # room in inodes
        (0x174, 2),  # flexible groups
        (0x200, 72),  # default options as text, quotas
    ),
)
# Up to the label, without counters, quota state, log_incompat, checksum and the place in the log.
_XFS: Lasting = (0, 512, ((0, 128), (180, 40), (228, 4), (248, 16)))
# UUID, size, devices, sizes of sectors and nodes, features, label.
_BTRFS: Lasting = (65536, 4096, ((32, 16), (112, 8), (136, 8), (144, 16), (172, 26), (299, 256)))
# Bits that the kernel sets while it has an ext filesystem mounted: the journal is to be replayed (INCOMPAT_RECOVER),
# there are orphans (RO_COMPAT_ORPHAN_PRESENT). Byte of the superblock, bit.
_EXT_STATE = ((0x60, 0x04), (0x66, 0x01))
_LASTING: Mapping[str, Lasting] = {
    "ext2": _EXT,
    "ext3": _EXT,
    "ext4": _EXT,
    "xfs": _XFS,
    "btrfs": _BTRFS,
}


class Readable(Protocol):
    """A volume's bytes."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer only at the end."""


def lasting_part(file: Readable | None, content: str) -> bytes:
    """Return what of a filesystem's superblock is changed by hand only; empty where that is not known."""
    if file is None or content not in _LASTING:
        return b""
    offset, size, fields = _LASTING[content]
    block = bytearray(file.read_at(offset, size).ljust(size, b"\0"))
    for place, bit in _EXT_STATE if content.startswith("ext") else ():
        block[place] &= ~bit
    return b"".join(bytes(block[start : start + length]) for start, length in fields)
