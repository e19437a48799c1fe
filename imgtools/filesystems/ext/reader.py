"""ext2, ext3 and ext4, read without mounting.

Own code, because the readers there are give wrong answers (docs/decisions/filesystem-readers.md). It follows the
on-disk format of the kernel's documentation (Documentation/filesystems/ext4/) and declines what it does not know.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from imgtools.filesystems.ext.inode import (
    FLAG_EA_INODE,
    FLAG_ENCRYPT,
    FLAG_EXTENTS,
    FLAG_INLINE,
    INLINE_NAME,
    ExtentMap,
    IndirectMap,
    Inode,
    damaged,
    parse_inode,
)
from imgtools.filesystems.inodes import InodeFilesystem, mount_reader
from imgtools.filesystems.stream import BlockMap, MappedFile, buffered, read_mapped
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind, FileStat
from imgtools.volumes.volume_file import DiskFile

if TYPE_CHECKING:
    from imgtools.filesystems.ext.xattr import Attribute
    from imgtools.records.usage import Usage

ROOT = 2
SUPERBLOCK = 1024
MAGIC = 0xEF53
ERRORS_SEEN = 2  # EXT4_ERROR_FS in s_state

# Incompatible features (fs/ext4/ext4.h) that this reader understands; of the others, the reason is shown.
FILETYPE, META_BG, EXTENTS, BITS64 = 0x2, 0x10, 0x40, 0x80
MMP, FLEX_BG, EA_INODE, CSUM_SEED, LARGEDIR, INLINE_DATA = 0x100, 0x200, 0x400, 0x2000, 0x4000, 0x8000
KNOWN = FILETYPE | META_BG | EXTENTS | BITS64 | MMP | FLEX_BG | EA_INODE | CSUM_SEED | LARGEDIR | INLINE_DATA
DECLINED = {
    0x1: "compression",
    0x4: "the journal has to be replayed first (it was not cleanly unmounted)",
    0x8: "it is a journal device",
    0x1000: "data in directory entries",
    0x10000: "encrypted files",
    0x20000: "names without regard to case (casefold)",
}
HAS_JOURNAL, SPARSE_SUPER2 = 0x4, 0x200  # compatible features
SPARSE_SUPER, BIGALLOC = 0x1, 0x200  # read-only compatible features
DIRECTORY_LIMIT = 512 << 20  # bytes; ten million names
KEPT_INODES = 4096


class Superblock(NamedTuple):
    """The facts of struct ext4_super_block that a reader needs. Counts are in blocks."""

    blocks: int
    reserved: int
    inodes: int
    first_block: int
    block_size: int
    cluster_blocks: int
    blocks_per_group: int
    inodes_per_group: int
    inode_size: int
    descriptor_size: int
    state: int
    compatible: int
    incompatible: int
    ro_compatible: int
    reserved_gdt: int
    journal_inode: int
    first_meta_bg: int
    overhead_clusters: int
    backup_groups: tuple[int, int]

    @property
    def groups(self) -> int:
        """The number of block groups."""
        return -(-(self.blocks - self.first_block) // self.blocks_per_group)

    def has_super(self, group: int) -> bool:
        """Whether ``group`` holds a copy of the superblock (ext4_bg_has_super)."""
        if self.compatible & SPARSE_SUPER2:
            return group == 0 or group in self.backup_groups
        if group <= 1 or not self.ro_compatible & SPARSE_SUPER:
            return True
        return any(_is_power(group, base) for base in (3, 5, 7))


def _is_power(number: int, base: int) -> bool:
    while number > 1 and number % base == 0:
        number //= base
    return number == 1


def parse_superblock(raw: bytes) -> Superblock | str:
    """Read the superblock from its 1024 bytes, or say what is wrong with it."""

    def u16(at: int) -> int:
        return int.from_bytes(raw[at : at + 2], "little")

    def u32(at: int) -> int:
        return int.from_bytes(raw[at : at + 4], "little")

    if len(raw) < 1024 or u16(56) != MAGIC:
        return "no ext superblock"
    incompatible = u32(96) if u32(76) else 0  # s_rev_level 0 has no features and inodes of 128 bytes
    wide = bool(incompatible & BITS64)
    if u32(24) > 6 or u32(28) < u32(24):
        return f"impossible block size 2^{10 + u32(24)}"
    found = Superblock(
        blocks=u32(4) | (u32(336) << 32 if wide else 0),
        reserved=u32(8) | (u32(340) << 32 if wide else 0),
        inodes=u32(0),
        first_block=u32(20),
        block_size=1024 << u32(24),
        cluster_blocks=1 << min(u32(28) - u32(24), 30) if u32(100) & BIGALLOC else 1,
        blocks_per_group=u32(32),
        inodes_per_group=u32(40),
        inode_size=u16(88) if u32(76) else 128,
        descriptor_size=u16(254) if wide else 32,
        state=u16(58),
        compatible=u32(92) if u32(76) else 0,
        incompatible=incompatible,
        ro_compatible=u32(100) if u32(76) else 0,
        reserved_gdt=u16(206),
        journal_inode=u32(224),
        first_meta_bg=u32(260),
        overhead_clusters=u32(584),
        backup_groups=(u32(588), u32(592)),
    )
    sane = (
        128 <= found.inode_size <= found.block_size
        and 32 <= found.descriptor_size <= found.block_size
        and 0 < found.blocks_per_group <= 8 * found.block_size * found.cluster_blocks
        and 0 < found.inodes_per_group <= 8 * found.block_size
        and found.first_block < found.blocks
        and found.groups * found.inodes_per_group >= found.inodes
    )
    return found if sane else "its superblock contradicts itself"


def mount_ext(disk: DiskFile) -> InodeFilesystem | Declined:
    """Mount an ext2, ext3 or ext4 volume, or say why this reader leaves it to another."""
    found = parse_superblock(disk.read_at(SUPERBLOCK, 1024))
    if isinstance(found, str):
        return Declined(disk.name, found)
    if found.blocks * found.block_size > disk.size:
        return Declined(
            disk.name,
            f"the filesystem has {found.blocks * found.block_size} bytes and its volume {disk.size}",
        )
    if found.state & ERRORS_SEEN:
        return Declined(disk.name, "the filesystem is marked as having errors (e2fsck was not run)")
    for bit in range(32):
        if found.incompatible & ~KNOWN & 1 << bit:
            what = DECLINED.get(1 << bit, f"unknown feature {1 << bit:#x}")
            return Declined(disk.name, f"ext: {what}")
    return mount_reader(disk.name, ExtReader(disk, found))


class ExtReader:
    """Structures of one filesystem; implements :class:`imgtools.filesystems.inodes.InodeReader`."""

    root = ROOT
    ignores_case = False

    def __init__(self, disk: DiskFile, superblock: Superblock) -> None:
        self._disk = disk
        self._super = superblock
        self._tables: dict[int, int] = {}  # group -> block of its inode table
        self._inodes: dict[int, Inode] = {}  # the last few: every path begins with the same directories

    # -- inodes --------------------------------------------------------------------------------------------

    def stat(self, inode: int) -> FileStat:
        found = self._inode(inode).stat
        if not found.links:  # as __ext4_iget
            damaged(self._disk, f"inode {inode} was removed, and a name leads to it")
        return found

    def _inode(self, number: int) -> Inode:
        if not 1 <= number <= self._super.inodes:
            damaged(self._disk, f"inode {number} of {self._super.inodes}")
        if number in self._inodes:
            return self._inodes[number]
        group, index = divmod(number - 1, self._super.inodes_per_group)
        table = self._tables.get(group)
        if table is None:
            table = self._tables[group] = self._inode_table(group)
        size = self._super.inode_size
        raw = self._disk.read_exactly(table * self._super.block_size + index * size, size)
        found = parse_inode(self._disk, number, raw, large_dirs=bool(self._super.incompatible & LARGEDIR))
        if len(self._inodes) >= KEPT_INODES:
            self._inodes.clear()
        self._inodes[number] = found
        return found

    def _descriptor_place(self, group: int) -> int:
        """The byte offset of a group's descriptor (ext4's descriptor_loc)."""
        known = self._super
        per_block = known.block_size // known.descriptor_size
        block = group // per_block
        if not known.incompatible & META_BG or block < known.first_meta_bg:
            place = (
                SUPERBLOCK // known.block_size + 1 + block
            )  # with bigalloc, first_block says nothing of it
        else:
            first = per_block * block
            ahead = int(known.has_super(first))
            if known.block_size == 1024 and block == 0 and known.first_block == 0:
                ahead += 1
            place = ahead + first * known.blocks_per_group + known.first_block
        return place * known.block_size + group % per_block * known.descriptor_size

    def descriptor(self, group: int) -> bytes:
        """Return the descriptor of a block group as it is on the disk."""
        return self._disk.read_exactly(self._descriptor_place(group), self._super.descriptor_size)

    def _inode_table(self, group: int) -> int:
        raw = self.descriptor(group)
        high = int.from_bytes(raw[40:44], "little") if len(raw) >= 64 else 0
        return int.from_bytes(raw[8:12], "little") | high << 32

    # -- contents ------------------------------------------------------------------------------------------

    def _blocks(self, inode: Inode, *, unwritten: bool = False) -> BlockMap:
        if inode.flags & FLAG_EXTENTS:
            return ExtentMap(self._disk, self._super.block_size, inode, unwritten=unwritten)
        return IndirectMap(self._disk, self._super.block_size, inode)

    def content(self, inode: int) -> BinaryIO:
        found = self._inode(inode)
        if found.flags & FLAG_ENCRYPT:
            damaged(self._disk, f"inode {inode} is encrypted on a filesystem without encryption")
        if found.flags & FLAG_INLINE:
            return io.BytesIO(self._inline(found))
        return buffered(MappedFile(self._disk, self._blocks(found), self._super.block_size, found.stat.size))

    def _inline(self, inode: Inode) -> bytes:
        """A small file or directory that lives in its inode: 60 bytes, the rest in an attribute."""
        rest = b""
        for attribute in self._attributes(inode):
            if attribute.name == INLINE_NAME:
                rest = attribute.value
        if len(inode.block + rest) < inode.stat.size:
            damaged(self._disk, f"inode {inode.number} has {inode.stat.size} bytes and room for less")
        return (inode.block + rest)[: inode.stat.size]

    def _small(self, inode: Inode, limit: int, what: str) -> bytes:
        return read_mapped(
            self._disk, self._blocks(inode, unwritten=True), self._super.block_size, inode.stat.size, limit,
            f"{what} {inode.number}",
        )  # fmt: skip

    def link(self, inode: int) -> str:
        found = self._inode(inode)
        if found.flags & FLAG_INLINE:
            target = self._inline(found)
        elif self._is_fast_link(found):
            target = found.block[: found.stat.size]
        else:
            target = self._small(found, self._super.block_size, "the link of inode")
        return target.split(b"\0")[0].decode("utf-8", "surrogateescape")

    def _is_fast_link(self, inode: Inode) -> bool:
        """As ext4_inode_is_fast_symlink: no blocks but that of its attributes, or short in newer filesystems."""
        if inode.flags & FLAG_EXTENTS or inode.stat.size >= len(inode.block):
            return False
        sectors = self._super.block_size * self._super.cluster_blocks // 512 if inode.acl_block else 0
        return inode.sectors <= sectors or bool(self._super.incompatible & EA_INODE)

    def names(self, inode: int) -> dict[str, int]:
        found = self._inode(inode)
        if found.flags & FLAG_INLINE:
            raw = self._inline(found)
            # The first four bytes are the parent's inode; the attribute's part is a list of its own.
            parts = [raw[4 : len(found.block)], raw[len(found.block) :]]
        else:
            raw = self._small(found, DIRECTORY_LIMIT, "directory inode")
            size = self._super.block_size
            if not raw or len(raw) % size:
                damaged(self._disk, f"directory inode {inode} has {len(raw)} bytes, not whole blocks")
            parts = [raw[start : start + size] for start in range(0, len(raw), size)]
        names: dict[str, int] = {}
        for part in parts:
            for name, number in self._entries(part, inode):
                names[name.decode("utf-8", "surrogateescape")] = number
        return names

    def _entries(self, block: bytes, inode: int) -> Iterator[tuple[bytes, int]]:
        """The entries of one directory block. Its index and checksum look like entries without a file."""
        at, end = 0, len(block)
        while at + 8 <= end:
            number, length, name_length = struct.unpack_from("<IHB", block, at)
            if length in (0, 65535) and self._super.block_size == 65536:
                length = 65536  # ext4_rec_len_from_disk
            if length < 8 or length % 4 or at + length > end or 8 + name_length > length:
                damaged(self._disk, f"directory inode {inode} has a bad entry")
            name = block[at + 8 : at + 8 + name_length]
            if number and name not in (b".", b"..") and name_length:
                yield name, number
            at += length
        if at != end:
            damaged(self._disk, f"directory inode {inode} has {end - at} bytes behind its last entry")

    # -- attributes ----------------------------------------------------------------------------------------

    def xattrs(self, inode: int) -> Mapping[str, bytes]:
        from imgtools.filesystems.ext.xattr import attribute_values

        attributes = (entry for entry in self._attributes(self._inode(inode)) if entry.name != INLINE_NAME)
        return attribute_values(attributes, self._attribute_inode)

    def _attributes(self, inode: Inode) -> Iterator[Attribute]:
        from imgtools.filesystems.ext.xattr import BadAttributes, parse_attributes  # late: few ask for them

        try:
            yield from parse_attributes(inode.tail, in_inode=True)
            if inode.acl_block:
                block = self._disk.read_exactly(
                    inode.acl_block * self._super.block_size, self._super.block_size
                )
                yield from parse_attributes(block, in_inode=False)
        except BadAttributes as error:
            damaged(self._disk, f"attributes of inode {inode.number}: {error}")

    def _attribute_inode(self, number: int, size: int) -> bytes:
        """The value of a large attribute, which has an inode of its own (ea_inode)."""
        found = self._inode(number)
        if not found.flags & FLAG_EA_INODE or found.stat.kind is not FileKind.FILE:
            damaged(self._disk, f"inode {number} is no attribute")
        return self._small(found, 1 << 20, "attribute inode")[:size]

    # -- usage ---------------------------------------------------------------------------------------------

    def usage(self) -> Usage:
        """As ext4_statfs: the kernel counts free blocks and inodes group by group."""
        from imgtools.records.usage import Usage

        known = self._super
        free_clusters = free_inodes = 0
        for group in range(known.groups):
            raw = self.descriptor(group)
            wide = len(raw) >= 64
            free_clusters += int.from_bytes(raw[12:14] + (raw[44:46] if wide else b""), "little")
            free_inodes += int.from_bytes(raw[14:16] + (raw[46:48] if wide else b""), "little")
        free = free_clusters * known.cluster_blocks
        kept = known.reserved + self._kept_for_metadata()
        return Usage(
            size=(known.blocks - self._overhead()) * known.block_size,
            free=free * known.block_size,
            available=max(0, free - kept) * known.block_size,
            inodes=known.inodes,
            inodes_free=free_inodes,
        )

    def _kept_for_metadata(self) -> int:
        """Blocks that ext4 keeps for growing extent trees: 2 %, at most 4096 clusters (ext4_set_resv_clusters)."""
        if not self._super.incompatible & EXTENTS:
            return 0
        clusters = self._super.blocks // self._super.cluster_blocks
        return min(clusters // 50, 4096) * self._super.cluster_blocks

    def _overhead(self) -> int:
        """Blocks that can never hold data: as stored, else counted (ext4_calculate_overhead)."""
        known = self._super
        stored = known.overhead_clusters * known.cluster_blocks
        if 0 < stored <= known.blocks:
            return stored
        inode_blocks = -(-known.inodes_per_group * known.inode_size // known.block_size)
        per_block = known.block_size // known.descriptor_size
        descriptor_blocks = -(-known.groups // per_block)
        if known.incompatible & META_BG:
            descriptor_blocks = known.first_meta_bg
        supers = sum(known.has_super(group) for group in range(known.groups))
        overhead = known.first_block + known.groups * (inode_blocks + 2)
        overhead += supers * (1 + descriptor_blocks + known.reserved_gdt)
        if known.incompatible & META_BG:
            overhead += self._meta_bg_blocks(per_block)
        if known.compatible & HAS_JOURNAL and known.journal_inode:
            overhead += self._inode(known.journal_inode).stat.size // known.block_size
        return overhead

    def _meta_bg_blocks(self, per_block: int) -> int:
        """Descriptor blocks outside the first groups: three in every group of groups (ext4_bg_num_gdb_meta)."""
        known, count = self._super, 0
        for first in range(known.first_meta_bg * per_block, known.groups, per_block):
            copies = {first, first + 1, first + per_block - 1}
            count += sum(1 for group in copies if group < known.groups)
        return count
