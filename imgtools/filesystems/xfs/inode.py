"""Inodes of XFS, and where their blocks lie.

Source: Linux, fs/xfs/libxfs/xfs_format.h, and the XFS Algorithms & Data Structures book. All is big-endian.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import NoReturn

from imgtools.errors import OddGuest
from imgtools.filesystems.inodes import KIND_OF_MODE
from imgtools.records.files import FileKind, FileStat
from imgtools.volumes.volume_file import DiskFile

# struct xfs_dinode up to di_gen: magic mode version format onlink uid gid nlink projid(2) big_nextents
# atime mtime ctime size nblocks extsize nextents anextents forkoff aformat dmevmask dmstate flags gen
CORE = struct.Struct(">2sHBBHIIIHHQQQQQQIIHBbIHHI")
CORE_SIZE_V2 = 100
CORE_SIZE_V3 = 176
FLAGS2_AT = 120
CRTIME_AT = 144  # di_crtime of version 3
NUMBER_AT = 152  # di_ino of version 3

FORMAT_DEVICE, FORMAT_LOCAL, FORMAT_EXTENTS, FORMAT_BTREE = 0, 1, 2, 3
FLAG_REALTIME = 1
FLAG2_BIGTIME = 8
FLAG2_NREXT64 = 16
BIGTIME_EPOCH = (1 << 31) * 1_000_000_000  # bigtime counts nanoseconds from the smallest 32-bit second
BTREE_DEPTH = 9  # XFS_BTREE_MAXLEVELS


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where things lie: the facts of the superblock that places are computed from."""

    block_size: int
    group_blocks: int  # sb_agblocks
    group_shift: int  # sb_agblklog
    groups: int
    inode_size: int
    inodes_shift: int  # sb_inopblog
    blocks: int
    directory_block: int  # bytes
    v5: bool
    has_ftype: bool

    def holds_block(self, number: int, count: int = 1) -> bool:
        """Whether these blocks lie in one group, as all that belongs together does (xfs_verify_fsbext)."""
        group, inner = number >> self.group_shift, number & ((1 << self.group_shift) - 1)
        whole = self.blocks - group * self.group_blocks  # the last group may be shorter
        return 0 < count <= min(self.group_blocks, whole) - inner

    def holds_inode(self, number: int) -> bool:
        """Whether an inode of this number can be (xfs_verify_ino)."""
        return self.holds_block(number >> self.inodes_shift)

    def block_at(self, number: int) -> int:
        """The block on the volume of a filesystem block number, which has the group in its upper bits."""
        group, inner = number >> self.group_shift, number & ((1 << self.group_shift) - 1)
        return group * self.group_blocks + inner

    def inode_at(self, number: int) -> int:
        """The byte offset of an inode."""
        block, index = number >> self.inodes_shift, number & ((1 << self.inodes_shift) - 1)
        return self.block_at(block) * self.block_size + index * self.inode_size


@dataclass(frozen=True, slots=True)
class Fork:
    """The root of one of an inode's two maps: data or attributes."""

    format: int
    extents: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Inode:
    """One inode, as far as a reader needs it."""

    number: int
    stat: FileStat
    data: Fork
    attributes: Fork | None
    realtime: bool


def damaged(disk: DiskFile, what: str) -> NoReturn:
    """Raise the error of a structure that cannot be."""
    raise OddGuest(f"{disk.name}: damaged XFS: {what}", hint="xfs_repair -n tells more")


def parse_inode(disk: DiskFile, number: int, raw: bytes, block_size: int) -> Inode:
    """Read one inode from its bytes."""
    # fmt: off
    (magic, mode, version, form, old_links, uid, gid, links, _project, _project_high, big_extents,
     atime, mtime, ctime, size, blocks, _hint, extents, attr_extents, fork_offset, attr_format,
     _events, _state, flags, _generation) = CORE.unpack_from(raw)
    # fmt: on
    kind = KIND_OF_MODE.get(mode & 0o170000)
    own = int.from_bytes(raw[NUMBER_AT : NUMBER_AT + 8], "big") if version >= 3 else number
    if magic != b"IN" or kind is None or size >= 1 << 63 or own != number:
        damaged(disk, f"inode {number} is no inode")
    flags2 = int.from_bytes(raw[FLAGS2_AT : FLAGS2_AT + 8], "big") if version >= 3 else 0
    if flags2 & FLAG2_NREXT64:
        extents, attr_extents = big_extents, extents
    literal = raw[CORE_SIZE_V3 if version >= 3 else CORE_SIZE_V2 :]
    split = fork_offset * 8 if fork_offset else len(literal)
    device = (0, 0)
    if kind in (FileKind.CHARACTER, FileKind.BLOCK):
        packed = int.from_bytes(literal[:4], "big")
        device = packed >> 18 & 0x3FFF, packed & 0x3FFFF  # sysv_major, sysv_minor
    bigtime = bool(flags2 & FLAG2_BIGTIME)
    stat = FileStat(
        kind,
        size,
        mode & 0o7777,
        uid,
        gid,
        links if version >= 2 else old_links,
        number,
        device,
        parse_time(atime, bigtime),
        parse_time(mtime, bigtime),
        parse_time(ctime, bigtime),
        parse_time(int.from_bytes(raw[CRTIME_AT:NUMBER_AT], "big"), bigtime) if version >= 3 else 0,
        room=blocks * block_size,
    )
    attributes = Fork(attr_format, attr_extents, literal[split:]) if fork_offset else None
    return Inode(number, stat, Fork(form, extents, literal[:split]), attributes, bool(flags & FLAG_REALTIME))


def parse_time(value: int, bigtime: bool) -> int:
    """Nanoseconds since 1970, from the two forms of a timestamp."""
    if bigtime:
        return value - BIGTIME_EPOCH
    seconds, nanoseconds = value >> 32, value & 0xFFFFFFFF
    if seconds >= 1 << 31:
        seconds -= 1 << 32
    return seconds * 1_000_000_000 + nanoseconds


def parse_extents(raw: bytes, count: int, *, unwritten: bool = False) -> list[tuple[int, int, int | None]]:
    """Packed extents (xfs_bmbt_rec): first block in the file, number of blocks, where they lie (None: zeros)."""
    found: list[tuple[int, int, int | None]] = []
    for high, low in struct.iter_unpack(">QQ", raw[: count * 16]):
        # 1 bit unwritten, 54 bits offset in the file, 52 bits start, 21 bits count.
        start = (high & 0x1FF) << 43 | low >> 21
        place = None if high >> 63 and not unwritten else start
        found.append((high >> 9 & (1 << 54) - 1, low & 0x1FFFFF, place))
    return found


class ForkMap:
    """The blocks of a fork; implements :class:`imgtools.filesystems.stream.BlockMap`.

    :param unwritten: where its blocks are even if they were never written; else those read as zeros. Linux looks
        into such a block of a directory (xfs_dabuf_map), and not into that of a file.
    """

    def __init__(
        self, disk: DiskFile, geometry: Geometry, number: int, fork: Fork, *, unwritten: bool = False
    ) -> None:
        self._unwritten = unwritten
        self._disk = disk
        self._geometry = geometry
        self._number = number
        self._fork = fork
        self._leaf: list[tuple[int, int, int | None]] = []
        self._from, self._until = 0, 0
        if fork.format == FORMAT_EXTENTS:
            if fork.extents * 16 > len(fork.raw):
                damaged(disk, f"inode {number} has {fork.extents} extents in {len(fork.raw)} bytes")
            self._leaf, self._until = self._extents(fork.raw, fork.extents), 1 << 62
        elif fork.format != FORMAT_BTREE:
            damaged(disk, f"inode {number} has a fork of format {fork.format} where blocks are wanted")

    def find(self, block: int) -> tuple[int | None, int]:
        if not self._from <= block < self._until:
            self._load(block)
        index = bisect_right(self._leaf, block, key=lambda extent: extent[0]) - 1
        if index >= 0:
            first, length, start = self._leaf[index]
            if block < first + length:
                inner = block - first
                return None if start is None else self._geometry.block_at(start) + inner, length - inner
        following = self._leaf[index + 1][0] if index + 1 < len(self._leaf) else self._until
        return None, max(1, following - block)

    def _load(self, block: int) -> None:
        """Go down the B+tree to the leaf that covers ``block``."""
        level, count = struct.unpack_from(">HH", self._fork.raw)
        node, header = self._fork.raw, 4
        begin, until = 0, 1 << 62
        if not 1 <= level <= BTREE_DEPTH:
            self._bad_tree()
        while level:
            most = (len(node) - header) // 16
            if not 0 < count <= most:
                self._bad_tree()
            keys = struct.unpack_from(f">{count}Q", node, header)
            places = struct.unpack_from(f">{count}Q", node, header + most * 8)
            index = max(0, bisect_right(keys, block) - 1)
            begin = keys[index] if index else begin
            until = min(until, keys[index + 1]) if index + 1 < count else until
            node, count = self._node(places[index], level - 1)
            header = 72 if self._geometry.v5 else 24
            level -= 1
        if (len(node) - header) // 16 < count:
            self._bad_tree()
        self._leaf = self._extents(node[header:], count)
        self._from, self._until = begin, until

    def _extents(self, raw: bytes, count: int) -> list[tuple[int, int, int | None]]:
        """The extents of a leaf, each behind the one before and inside the volume (xfs_bmap_validate_extent)."""
        found, end = parse_extents(raw, count, unwritten=self._unwritten), 0
        for first, length, start in found:
            fits = start is None or self._geometry.holds_block(start, length)
            if first < end or not length or not fits:
                damaged(self._disk, f"inode {self._number} has an extent that cannot be")
            end = first + length
        return found

    def _node(self, place: int, level: int) -> tuple[bytes, int]:
        """A block of the tree, which must be of ``level``, and its number of records."""
        if not self._geometry.holds_block(place):
            self._bad_tree()
        size = self._geometry.block_size
        node = self._disk.read_exactly(self._geometry.block_at(place) * size, size)
        magic, found_level, count = struct.unpack_from(">4sHH", node)
        if magic != (b"BMA3" if self._geometry.v5 else b"BMAP") or found_level != level:
            self._bad_tree()
        return node, count

    def _bad_tree(self) -> NoReturn:
        damaged(self._disk, f"inode {self._number} has a bad extent tree")
