"""In which state a filesystem says that it is itself: its superblock and its journal, read without mounting.

Sources: Documentation/filesystems/ext4/ (struct ext4_super_block, jbd2's journal_superblock_s),
fs/xfs/libxfs/xfs_format.h, include/uapi/linux/btrfs_tree.h, and for FAT's dirty bit fs/fat/inode.c (fat_set_state).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from imgtools.filesystems.ext.reader import ERRORS_SEEN, MAGIC, SUPERBLOCK
from imgtools.filesystems.ext.reader import parse_superblock as parse_ext
from imgtools.filesystems.xfs.log import log_is_clean
from imgtools.filesystems.xfs.reader import MAGIC as XFS_MAGIC
from imgtools.filesystems.xfs.reader import NEEDSREPAIR
from imgtools.filesystems.xfs.reader import parse_superblock as parse_xfs
from imgtools.volumes.fat_boot_sector import parse_boot_sector
from imgtools.volumes.volume_file import DiskFile


class Trouble(StrEnum):
    """What may be wrong with a filesystem, by what follows from it."""

    ERRORS = "errors"  # it was found damaged while it was mounted, or by its checker
    DAMAGED = "damaged"  # no kernel mounts it as it is
    JOURNAL = "journal"  # its journal cannot be read, or has noted an error
    SIZE = "size"  # it is larger than its volume: no kernel mounts it
    DEVICES = "devices"  # a part of it is not there
    DIRTY = "dirty"  # it was not unmounted, and has no journal that puts it right
    REPLAY = "replay"  # it was not unmounted; the next mount puts it right by itself


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a filesystem says of itself, and where on the volume it says so, in bytes."""

    trouble: Trouble
    text: str
    offset: int = 0


def filesystem_state(disk: DiskFile, content: str) -> tuple[Said, ...]:
    """Return what a filesystem says of itself; nothing if it is sound, or of a kind that is not known here.

    :param content: what blkid calls it.
    :raises BadImage: the volume cannot be read.
    """
    read = READERS.get(content)
    return tuple(read(disk)) if read is not None else ()


# -- ext ---------------------------------------------------------------------------------------------------

RECOVER, EXTENTS_FLAG = 0x4, 0x80000  # EXT4_FEATURE_INCOMPAT_RECOVER; EXT4_EXTENTS_FL
JOURNAL_MAGIC, EXTENT_MAGIC = 0xC03B3998, 0xF30A
JOURNAL_BACKUP = 0x10C  # s_jnl_blocks: i_block of the journal's inode
BLOCKS_MAP = 1  # EXT3_JNL_BACKUP_BLOCKS in s_jnl_backup_type
# Where the second superblock is for blocks of 1, 2 and 4 KiB (mke2fs: the first block of the second group).
COPIES = ((8193 * 1024, 0), (16384 * 2048, 1), (32768 * 4096, 2))


def _ext(disk: DiskFile) -> Iterator[Said]:
    raw = disk.read_exactly(SUPERBLOCK, 1024)
    (state,) = struct.unpack_from("<H", raw, 58)
    (incompatible,) = struct.unpack_from("<I", raw, 96)
    if state & ERRORS_SEEN:
        yield Said(Trouble.ERRORS, _noted(raw), SUPERBLOCK + 58)
    found = parse_ext(raw)
    if not isinstance(found, str):
        size = found.blocks * found.block_size
        if size > disk.size:
            yield Said(Trouble.SIZE, f"it has {size} bytes and its volume {disk.size}", SUPERBLOCK + 4)
            return
        if found.journal_inode:
            yield from _ext_journal(disk, raw, found.block_size)
    if incompatible & RECOVER:
        yield Said(Trouble.REPLAY, "its journal has to be replayed: it was not unmounted", SUPERBLOCK + 96)


def _noted(raw: bytes) -> str:
    """The errors that the kernel has noted in the superblock (s_error_count and what follows)."""
    count, when, inode = struct.unpack_from("<III", raw, 404)
    function = raw[424:456].split(b"\0")[0].decode("ascii", "replace")
    (line,) = struct.unpack_from("<I", raw, 456)
    if not count:
        return "it is marked as having errors"
    first = f": the first in {function}, line {line}" if function else ""
    about = f", inode {inode}" if inode else ""
    return f"it is marked as having errors, {count} noted{first}{about} (at {when} s after 1970)"


def _ext_journal(disk: DiskFile, raw: bytes, block_size: int) -> Iterator[Said]:
    """Look at the journal's own superblock, through the copy of its block map that the superblock keeps."""
    place = _journal_block(raw)
    if not place or (place + 1) * block_size > disk.size:
        return
    at = place * block_size
    magic, _kind, _sequence, size = struct.unpack_from(">IIII", disk.read_exactly(at, 1024))
    if magic != JOURNAL_MAGIC or size != block_size:
        yield Said(Trouble.JOURNAL, "its journal does not begin with a journal's superblock", at)
        return
    (number,) = struct.unpack_from(">i", disk.read_exactly(at, 1024), 32)
    if number:
        yield Said(Trouble.ERRORS, f"its journal has noted error {abs(number)} and stopped", at + 32)


def _journal_block(raw: bytes) -> int:
    """The first block of the journal; 0 if the superblock keeps no copy of the map."""
    if raw[253] != BLOCKS_MAP:
        return 0
    magic, entries, _most, depth = struct.unpack_from("<HHHH", raw, JOURNAL_BACKUP)
    if magic != EXTENT_MAGIC:
        return int(struct.unpack_from("<I", raw, JOURNAL_BACKUP)[0])
    if depth or not entries:
        return 0
    _block, _length, high, low = struct.unpack_from("<IHHI", raw, JOURNAL_BACKUP + 12)
    return int(high << 32 | low)


def lost_superblock(disk: DiskFile) -> int:
    """Return where a copy of ext's superblock is, on a volume whose first one is gone; 0 if there is none.

    :raises BadImage: the volume cannot be read.
    """
    for at, size in COPIES:
        if at + 1024 <= disk.size:
            raw = disk.read_exactly(at, 1024)
            magic, group = struct.unpack_from("<H", raw, 56)[0], struct.unpack_from("<H", raw, 90)[0]
            if magic == MAGIC and group == 1 and struct.unpack_from("<I", raw, 24)[0] == size:
                return at
    return 0


# -- XFS ---------------------------------------------------------------------------------------------------


def _xfs(disk: DiskFile) -> Iterator[Said]:
    raw = disk.read_exactly(0, 512)
    if raw[:4] != XFS_MAGIC:
        return
    if raw[126]:
        yield Said(Trouble.DAMAGED, "its making was not finished (sb_inprogress)", 126)
    if (
        struct.unpack_from(">H", raw, 100)[0] & 0xF == 5
        and struct.unpack_from(">I", raw, 216)[0] & NEEDSREPAIR
    ):
        yield Said(Trouble.DAMAGED, "it is marked as needing a repair", 216)
        return
    found = parse_xfs(raw)
    if isinstance(found, str):
        if "contradicts" in found:
            yield Said(Trouble.DAMAGED, found)
        return
    size = found.geometry.blocks * found.geometry.block_size
    if size > disk.size:
        yield Said(Trouble.SIZE, f"it has {size} bytes and its volume {disk.size}", 8)
        return
    if (
        found.log_start
        and found.log_blocks
        and not _xfs_log_is_clean(disk, found.log_start, found.log_blocks, raw)
    ):
        yield Said(Trouble.REPLAY, "its log has to be replayed: it was not unmounted")


def _xfs_log_is_clean(disk: DiskFile, start: int, blocks: int, raw: bytes) -> bool:
    found = parse_xfs(raw)
    if isinstance(found, str):
        return True
    at = found.geometry.block_at(start) * found.geometry.block_size
    count = blocks * found.geometry.block_size // 512
    return log_is_clean(lambda block: disk.read_exactly(at + block * 512, 512), count)


# -- btrfs -------------------------------------------------------------------------------------------------

BTRFS_AT, BTRFS_MAGIC, BTRFS_ERROR = 64 << 10, b"_BHRfS_M", 4  # BTRFS_SUPER_FLAG_ERROR


def _btrfs(disk: DiskFile) -> Iterator[Said]:
    raw = disk.read_exactly(BTRFS_AT, 4096)
    if raw[64:72] != BTRFS_MAGIC:
        return
    (flags,) = struct.unpack_from("<Q", raw, 56)
    total, _used, _root, devices = struct.unpack_from("<QQQQ", raw, 0x70)
    if flags & BTRFS_ERROR:
        yield Said(Trouble.ERRORS, "it is marked as having errors", BTRFS_AT + 56)
    if devices == 1 and total > disk.size:
        yield Said(Trouble.SIZE, f"it has {total} bytes and its volume {disk.size}", BTRFS_AT + 0x70)


def btrfs_devices(disk: DiskFile) -> int:
    """Return how many devices a btrfs is made of; 0 if it is none.

    :raises BadImage: the volume cannot be read.
    """
    raw = disk.read_exactly(BTRFS_AT, 4096)
    return int(struct.unpack_from("<Q", raw, 0x88)[0]) if raw[64:72] == BTRFS_MAGIC else 0


# -- FAT ---------------------------------------------------------------------------------------------------


def _fat(disk: DiskFile) -> Iterator[Said]:
    raw = disk.read_exactly(0, 512)
    found = parse_boot_sector(raw)
    if isinstance(found, str):
        yield Said(Trouble.DAMAGED, found)
        return
    end = (found.data + found.clusters * found.per_cluster) * found.sector
    if end > disk.size:
        yield Said(Trouble.SIZE, f"it has {end} bytes and its volume {disk.size}", 32)
    at = 0x41 if found.bits == 32 else 0x25
    if raw[at] & 1:
        yield Said(Trouble.DIRTY, "it is marked as not unmounted", at)


READERS: dict[str, Callable[[DiskFile], Iterator[Said]]] = {
    "ext2": _ext,
    "ext3": _ext,
    "ext4": _ext,
    "xfs": _xfs,
    "btrfs": _btrfs,
    "vfat": _fat,
}
