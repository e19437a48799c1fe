"""Inodes of ext2, ext3 and ext4, and where their blocks lie.

Source: Linux, Documentation/filesystems/ext4/ (inodes, ifork, blockmap) and fs/ext4/ext4.h.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from imgtools.errors import EditFailed, OddGuest
from imgtools.filesystems.inodes import KIND_OF_MODE
from imgtools.records.files import FileKind, FileStat
from imgtools.volumes.volume_file import DiskFile

# struct ext4_inode: mode uid size atime ctime mtime dtime gid links blocks flags version block[60] generation
# acl size_high fragment, then blocks_high acl_high uid_high gid_high checksum reserved of Linux.
INODE = struct.Struct("<HHIIIIIHHIII60sIIIIHHHHHH")
# The part behind the first 128 bytes: extra_isize checksum_hi ctime_extra mtime_extra atime_extra crtime crtime_extra.
EXTRA = struct.Struct("<HHIIIII")
EXTRA_SIZE = 32  # sizeof(struct ext2_inode_large) - 128: what e2fsprogs and Linux give to new inodes

FLAG_ENCRYPT = 0x800
FLAG_HUGE_FILE = 0x40000
FLAG_EXTENTS = 0x80000
FLAG_EA_INODE = 0x200000
FLAG_INLINE = 0x10000000
SECTOR = 512  # bytes that i_blocks counts in
INLINE_NAME = "system.data"  # the rest of such a file; not an attribute to anybody else

EXTENT_MAGIC = 0xF30A
EXTENT_ROOT = struct.pack("<HHHHI", EXTENT_MAGIC, 0, 4, 0, 0)  # struct ext4_extent_header of an empty file
EXTENT_DEPTH = 5  # EXT4_MAX_EXTENT_DEPTH
UNWRITTEN = 32768  # ee_len above it: allocated and never written, reads as zeros


MODE_OF = {
    FileKind.FILE: 0o100000,
    FileKind.DIRECTORY: 0o040000,
    FileKind.LINK: 0o120000,
    FileKind.CHARACTER: 0o020000,
    FileKind.BLOCK: 0o060000,
    FileKind.FIFO: 0o010000,
    FileKind.SOCKET: 0o140000,
}
# EXT2_FT_*: the type in a directory entry
FILE_TYPE = {
    FileKind.FILE: 1,
    FileKind.DIRECTORY: 2,
    FileKind.CHARACTER: 3,
    FileKind.BLOCK: 4,
    FileKind.FIFO: 5,
    FileKind.SOCKET: 6,
    FileKind.LINK: 7,
}


class Inode(NamedTuple):
    """One inode, as far as a reader needs it."""

    number: int
    stat: FileStat
    flags: int
    sectors: int  # i_blocks
    block: bytes  # i_block: the root of the block map, or a short link, or the file itself
    acl_block: int
    tail: bytes  # what follows the fixed fields in the inode: attributes


def damaged(disk: DiskFile, what: str) -> NoReturn:
    """Raise the error of a structure that cannot be."""
    raise OddGuest(f"{disk.name}: damaged ext filesystem: {what}", hint="e2fsck tells more, and mends it")


def parse_inode(disk: DiskFile, number: int, raw: bytes, *, large_dirs: bool) -> Inode:
    """Read one inode from its bytes."""
    # fmt: off
    (mode, uid, size, atime, ctime, mtime, _dtime, gid, links, sectors, flags, _version, block, _generation,
     acl, size_high, _fragment, sectors_high, acl_high, uid_high, gid_high, _sum, _reserved) = INODE.unpack_from(raw)
    # fmt: on
    kind = KIND_OF_MODE.get(mode & 0o170000)
    if kind is None:
        damaged(disk, f"inode {number} has mode {mode:#o}")
    atime_extra = mtime_extra = ctime_extra = crtime = crtime_extra = 0
    tail_at = len(raw)
    if len(raw) >= 128 + EXTRA.size:
        extra, _sum, ctime_extra, mtime_extra, atime_extra, crtime, crtime_extra = EXTRA.unpack_from(raw, 128)
        tail_at = min(128 + extra, len(raw))
        # Fields that reach beyond i_extra_isize are not there.
        ctime_extra = ctime_extra if extra >= 8 else 0
        mtime_extra = mtime_extra if extra >= 12 else 0
        atime_extra = atime_extra if extra >= 16 else 0
        crtime, crtime_extra = (crtime, crtime_extra) if extra >= 24 else (0, 0)
    if kind is FileKind.FILE or (large_dirs and kind is FileKind.DIRECTORY):
        size |= size_high << 32
    device = parse_device(block) if kind in (FileKind.CHARACTER, FileKind.BLOCK) else (0, 0)
    stat = FileStat(
        kind,
        size,
        mode & 0o7777,
        uid | uid_high << 16,
        gid | gid_high << 16,
        links,
        number,
        device,
        parse_time(atime, atime_extra),
        parse_time(mtime, mtime_extra),
        parse_time(ctime, ctime_extra),
        parse_time(crtime, crtime_extra),
        room=_room(kind, size, flags, sectors | sectors_high << 32),
    )
    return Inode(number, stat, flags, sectors, block, acl | acl_high << 32, raw[tail_at:])


def _room(kind: FileKind, size: int, flags: int, sectors: int) -> int | None:
    """The bytes that a file takes; those of one in its inode are counted too, as ext4_file_getattr does."""
    if flags & FLAG_HUGE_FILE:  # of more than 2 TiB: it counts in blocks
        return None
    inside = size if flags & FLAG_INLINE and kind is FileKind.FILE else 0
    return sectors * SECTOR + inside + -inside % SECTOR


def parse_time(seconds: int, extra: int) -> int:
    """Nanoseconds since 1970: 32 signed bits of seconds, 2 more bits above them, 30 bits of nanoseconds."""
    if seconds >= 1 << 31:
        seconds -= 1 << 32
    return (seconds + ((extra & 3) << 32)) * 1_000_000_000 + (extra >> 2)


def parse_device(block: bytes) -> tuple[int, int]:
    """Major and minor of a device node: the old form in the first word, the new form in the second."""
    old, new = struct.unpack_from("<II", block)
    if old:
        return old >> 8 & 0xFF, old & 0xFF
    return (new & 0xFFF00) >> 8, (new & 0xFF) | (new >> 12 & 0xFFF00)


# Where a time is in an inode: its seconds, and behind the first 128 bytes what is more than 32 bits hold.
TIMES = {"atime": (8, 140), "ctime": (12, 132), "mtime": (16, 136), "crtime": (144, 148)}


def write_times(raw: bytearray, **times: int) -> None:
    """Put ``atime``, ``mtime``, ``ctime``, ``crtime`` (nanoseconds) into an inode, as far as it has room for them.

    :raises EditFailed: a time that ext4 cannot hold.
    """
    (extra,) = struct.unpack_from("<H", raw, 128) if len(raw) > 128 else (0,)
    for name, value in times.items():
        base, more = TIMES[name]
        seconds, fraction = divmod(value, 1_000_000_000)
        if not -(1 << 31) <= seconds < (1 << 31) + (3 << 32):
            raise EditFailed(f"ext4 has no such time: {seconds} s since 1970")
        has_extra = 128 + extra >= more + 4
        if base >= 128 and not has_extra:  # no room for crtime at all
            continue
        if not has_extra:  # inodes of 128 bytes end in 2038
            seconds = min(seconds, (1 << 31) - 1)
        struct.pack_into("<I", raw, base, seconds & 0xFFFFFFFF)
        if has_extra:
            struct.pack_into("<I", raw, more, fraction << 2 | (seconds + (1 << 31)) >> 32 & 3)


def has_blocks(inode: Inode) -> bool:
    """Whether i_block leads to blocks: not in devices and not in links that are short enough for it."""
    if inode.stat.kind is FileKind.LINK:
        return inode.stat.size >= len(inode.block) or bool(inode.flags & FLAG_EXTENTS)
    return inode.stat.kind in (FileKind.FILE, FileKind.DIRECTORY)


def new_inode(
    kind: FileKind,
    mode: int,
    size: int,
    now: int,
    *,
    device: tuple[int, int] = (0, 0),
    extents: bool = False,
) -> bytearray:
    """Return the ``size`` bytes of a new inode with one name, of root and of ``now``; no directory and no link.

    Its extra fields are as many as ext2fs_write_new_inode makes, with ``extents`` its blocks are in extents.
    """
    raw = bytearray(size)
    struct.pack_into("<H", raw, 0, MODE_OF[kind] | mode & 0o7777)
    struct.pack_into("<H", raw, 26, 1)
    if size >= 128 + EXTRA_SIZE:
        struct.pack_into("<H", raw, 128, EXTRA_SIZE)
    if kind is FileKind.FILE and extents:
        struct.pack_into("<I", raw, 32, FLAG_EXTENTS)
        raw[40 : 40 + len(EXTENT_ROOT)] = EXTENT_ROOT
    elif kind in (FileKind.CHARACTER, FileKind.BLOCK):
        raw[40:48] = encode_device(device)
    write_times(raw, atime=now, ctime=now, mtime=now, crtime=now)
    return raw


def encode_device(device: tuple[int, int]) -> bytes:
    """Write a device number as ext4 does: small ones in the old form, in the first word (ext4_do_update_inode).

    :raises EditFailed: Linux has no such numbers.
    """
    major, minor = device
    if not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
        raise EditFailed(f"no device can have the number {major}:{minor}")
    if major < 256 and minor < 256:
        return struct.pack("<II", major << 8 | minor, 0)
    return struct.pack("<II", 0, (minor & 0xFF) | major << 8 | (minor & ~0xFF) << 12)


class ExtentMap:
    """The blocks of a file in an extent tree.

    :param unwritten: where its blocks are even if they were never written; else those read as zeros. Linux looks
        into such a block of a directory (ext4_bread), and not into that of a file.
    """

    def __init__(self, disk: DiskFile, block_size: int, inode: Inode, *, unwritten: bool = False) -> None:
        self._unwritten = unwritten
        self._disk = disk
        self._block_size = block_size
        self._inode = inode
        # The leaf last looked at: first block, blocks, place of every extent; and where the next leaf begins.
        self._leaf: list[tuple[int, int, int | None]] = []
        self._from, self._until = 0, 0

    def find(self, block: int) -> tuple[int | None, int]:
        if not self._from <= block < self._until:
            self._load(block)
        index = bisect_right(self._leaf, block, key=lambda extent: extent[0]) - 1
        if index >= 0:
            first, length, place = self._leaf[index]
            if block < first + length:
                inner = block - first
                return None if place is None else place + inner, length - inner
        following = self._leaf[index + 1][0] if index + 1 < len(self._leaf) else self._until
        return None, max(1, following - block)

    def _load(self, block: int) -> None:
        """Go down the tree to the leaf that covers ``block``."""
        node, depth = self._inode.block, None
        begin, until = 0, 1 << 62
        while True:
            magic, entries, _most, level = struct.unpack_from("<HHHH", node)
            fits = 12 + 12 * entries <= len(node)
            if (
                magic != EXTENT_MAGIC
                or not fits
                or level > EXTENT_DEPTH
                or (depth is not None and level != depth - 1)
            ):
                damaged(self._disk, f"inode {self._inode.number} has a bad extent tree")
            if level == 0:
                break
            children = [
                (first, low | high << 32)
                for first, low, high, _unused in struct.iter_unpack("<IIHH", node[12 : 12 + 12 * entries])
            ]
            index = max(0, bisect_right(children, block, key=lambda child: child[0]) - 1)
            if not children:
                damaged(self._disk, f"inode {self._inode.number} has an empty extent index")
            begin = children[index][0] if index else begin
            until = min(until, children[index + 1][0]) if index + 1 < len(children) else until
            node = self._disk.read_exactly(children[index][1] * self._block_size, self._block_size)
            depth = level
        self._leaf = list(self._extents(node[12 : 12 + 12 * entries]))
        self._from, self._until = begin, until

    def _extents(self, raw: bytes) -> Iterator[tuple[int, int, int | None]]:
        """The entries of a leaf, each behind the one before (ext4_valid_extent_entries)."""
        end = 0
        for fields in struct.iter_unpack("<IHHI", raw):
            first, length, place = parse_extent(*fields, unwritten=self._unwritten)
            if first < end or not length:
                damaged(self._disk, f"inode {self._inode.number} has extents that overlap, or an empty one")
            end = first + length
            yield first, length, place


def parse_extent(
    first: int, length: int, high: int, low: int, *, unwritten: bool = False
) -> tuple[int, int, int | None]:
    """One entry of a leaf: first block in the file, number of blocks, and where they lie (None: zeros)."""
    place = low | high << 32
    if length > UNWRITTEN:
        return first, length - UNWRITTEN, place if unwritten else None
    return first, length, place


class IndirectMap:
    """The blocks of a file as ext2 and ext3 keep them: 12 of them, then one, two and three levels of tables."""

    def __init__(self, disk: DiskFile, block_size: int, inode: Inode) -> None:
        self._disk = disk
        self._block_size = block_size
        self._roots = struct.unpack("<15I", inode.block)
        self._each = block_size // 4
        self._tables: dict[int, tuple[int, ...]] = {}

    def find(self, block: int) -> tuple[int | None, int]:
        if block < 12:
            return self._run(self._roots[:12], block)
        block -= 12
        for level in (1, 2, 3):
            span = self._each**level
            if block < span:
                return self._descend(self._roots[11 + level], level, block)
            block -= span
        return None, 1 << 62  # beyond what the tables can say: the size is a lie, and it is all hole

    def _descend(self, table: int, level: int, block: int) -> tuple[int | None, int]:
        while table:
            span = self._each ** (level - 1)
            index, inner = divmod(block, span)
            entries = self._table(table)
            if level == 1:
                return self._run(entries, index)
            table, block, level = entries[index], inner, level - 1
        return None, self._each**level - block

    def _table(self, place: int) -> tuple[int, ...]:
        if place not in self._tables:
            if len(self._tables) >= 8:
                self._tables.clear()
            raw = self._disk.read_exactly(place * self._block_size, self._block_size)
            self._tables[place] = struct.unpack(f"<{self._each}I", raw)
        return self._tables[place]

    @staticmethod
    def _run(entries: tuple[int, ...], index: int) -> tuple[int | None, int]:
        """How far the blocks from ``index`` on follow one another, or are all holes."""
        first, end = entries[index], index + 1
        while end < len(entries) and entries[end] == (first + end - index if first else 0):
            end += 1
        return first or None, end - index
