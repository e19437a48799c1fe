"""XFS, read without mounting.

Own code, because the reader there is gives wrong answers (docs/decisions/filesystem-readers.md). It follows
fs/xfs/libxfs/xfs_format.h and declines what it does not know, and any log that was not cleanly closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from imgtools.filesystems.acl import acl_from_xfs
from imgtools.filesystems.inodes import InodeFilesystem, mount_reader
from imgtools.filesystems.stream import MappedFile, NoBlocks, Shifted, buffered, read_mapped
from imgtools.filesystems.xfs import directory, xattr
from imgtools.filesystems.xfs.inode import FORMAT_LOCAL, ForkMap, Geometry, Inode, damaged, parse_inode
from imgtools.filesystems.xfs.log import log_is_clean
from imgtools.records.disks import Declined
from imgtools.records.files import FileStat
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile

MAGIC = b"XFSB"
# sb_features_incompat of version 5 that change nothing for a reader, or are understood here.
FTYPE, SPINODES, META_UUID, BIGTIME, NREXT64, EXCHRANGE, PARENT = 0x1, 0x2, 0x4, 0x8, 0x20, 0x40, 0x80
KNOWN = FTYPE | SPINODES | META_UUID | BIGTIME | NREXT64 | EXCHRANGE | PARENT
NEEDSREPAIR = 0x10
V4_DIRV2, V4_MOREBITS = 0x2000, 0x8000  # in sb_versionnum
V4_FTYPE = 0x200  # in sb_features2
DIRECTORY_LIMIT = 1 << 30  # bytes
DIRECTORY_END = 32 << 30  # XFS_DIR2_LEAF_OFFSET: behind it is the index
LONGEST_LINK = 1024  # XFS_SYMLINK_MAXLEN
ACLS = {b"SGI_ACL_FILE": "system.posix_acl_access", b"SGI_ACL_DEFAULT": "system.posix_acl_default"}


@dataclass(frozen=True, slots=True)
class Superblock:
    """The facts of struct xfs_dsb that a reader needs."""

    geometry: Geometry
    root: int
    log_start: int
    log_blocks: int
    max_inodes_percent: int
    inodes: int
    inodes_free: int
    free_blocks: int


def parse_superblock(raw: bytes) -> Superblock | str:
    """Read the superblock from the first 512 bytes, or say why it cannot serve."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(raw[at : at + size], "big")

    if raw[:4] != MAGIC or len(raw) < 512:
        return "no XFS superblock"
    version, incompatible = number(100, 2), 0
    if version & 0xF == 5:
        incompatible = number(216, 4)
        has_ftype = bool(incompatible & FTYPE)
    elif version & 0xF == 4 and version & V4_DIRV2:
        has_ftype = bool(version & V4_MOREBITS and number(200, 4) & V4_FTYPE)
    else:
        return f"XFS version {version & 0xF} is too old"
    if incompatible & NEEDSREPAIR:
        return "XFS is marked as needing repair"
    if incompatible & ~KNOWN:
        return f"XFS has unknown features {incompatible & ~KNOWN:#x}"
    geometry = Geometry(
        block_size=number(4, 4),
        group_blocks=number(84, 4),
        group_shift=raw[124],
        groups=number(88, 4),
        inode_size=number(104, 2),
        inodes_shift=raw[123],
        blocks=number(8, 8),
        directory_block=number(4, 4) << min(raw[192], 16),
        v5=version & 0xF == 5,
        has_ftype=has_ftype,
    )
    if not _is_sane(geometry, raw):
        return "the XFS superblock contradicts itself"
    return Superblock(
        geometry=geometry,
        root=number(56, 8),
        log_start=number(48, 8),
        log_blocks=number(96, 4),
        max_inodes_percent=raw[127],
        inodes=number(128, 8),
        inodes_free=number(136, 8),
        free_blocks=number(144, 8),
    )


def _is_sane(geometry: Geometry, raw: bytes) -> bool:
    """Whether sizes and their logarithms agree (xfs_validate_sb_common)."""
    block_shift, inode_shift = raw[120], raw[122]
    return (
        9 <= block_shift <= 16
        and geometry.block_size == 1 << block_shift
        and 8 <= inode_shift <= 11
        and geometry.inode_size == 1 << inode_shift
        and geometry.inodes_shift == block_shift - inode_shift
        and geometry.directory_block <= 65536
        and geometry.groups > 0
        and 0 < geometry.group_blocks <= 1 << geometry.group_shift
        and geometry.group_shift <= 31
        and geometry.blocks <= geometry.groups * geometry.group_blocks
    )


def mount_xfs(disk: DiskFile) -> InodeFilesystem | Declined:
    """Mount an XFS volume, or say why this reader leaves it to another."""
    found = parse_superblock(disk.read_at(0, 512))
    if isinstance(found, str):
        return Declined(disk.name, found)
    size = found.geometry.blocks * found.geometry.block_size
    if size > disk.size:
        return Declined(disk.name, f"the filesystem has {size} bytes and its volume {disk.size}")
    if not found.log_start or not found.log_blocks:
        return Declined(disk.name, "XFS with its log on another device")
    log_at = found.geometry.block_at(found.log_start) * found.geometry.block_size

    def read_log(block: int) -> bytes:
        return disk.read_exactly(log_at + block * 512, 512)

    if not log_is_clean(read_log, found.log_blocks * found.geometry.block_size // 512):
        return Declined(disk.name, "the XFS log has to be replayed first (it was not cleanly unmounted)")
    return mount_reader(disk.name, XfsReader(disk, found))


class XfsReader:
    """Structures of one filesystem; implements :class:`imgtools.filesystems.inodes.InodeReader`."""

    ignores_case = False

    def __init__(self, disk: DiskFile, superblock: Superblock) -> None:
        self._disk = disk
        self._super = superblock
        self._geometry = superblock.geometry

    @property
    def root(self) -> int:
        return self._super.root

    def stat(self, inode: int) -> FileStat:
        return self._inode(inode).stat

    def _inode(self, number: int) -> Inode:
        known = self._geometry
        if not known.holds_inode(number):
            damaged(self._disk, f"there can be no inode {number}")
        raw = self._disk.read_exactly(known.inode_at(number), known.inode_size)
        return parse_inode(self._disk, number, raw, known.block_size)

    def content(self, inode: int) -> BinaryIO:
        found = self._inode(inode)
        if found.realtime:
            damaged(self._disk, f"inode {inode} has its data on a realtime device")
        blocks = ForkMap(self._disk, self._geometry, inode, found.data) if found.stat.size else NoBlocks()
        return buffered(MappedFile(self._disk, blocks, self._geometry.block_size, found.stat.size))

    # -- links and directories -----------------------------------------------------------------------------

    def link(self, inode: int) -> str:
        found = self._inode(inode)
        size = found.stat.size
        if found.data.format == FORMAT_LOCAL:
            target = found.data.raw[:size]
        elif size > LONGEST_LINK:
            damaged(self._disk, f"inode {inode} is a link of {size} bytes")
        else:
            target = b"".join(self._link_parts(found))[:size]
        return target.split(b"\0")[0].decode("utf-8", "surrogateescape")

    def _link_parts(self, inode: Inode) -> Iterator[bytes]:
        """A long target, extent by extent; with checksums, each begins with a header (xfs_dsymlink_hdr)."""
        header = 56 if self._geometry.v5 else 0
        blocks = ForkMap(self._disk, self._geometry, inode.number, inode.data)
        block, left = 0, inode.stat.size
        while left > 0:
            place, count = blocks.find(block)
            if place is None:
                damaged(self._disk, f"the link of inode {inode.number} has a hole")
            count = min(count, -(-(left + header) // self._geometry.block_size))
            part = self._disk.read_exactly(
                place * self._geometry.block_size, count * self._geometry.block_size
            )
            if header and part[:4] != b"XSLM":
                damaged(self._disk, f"the link of inode {inode.number} has no header")
            yield part[header:]
            left -= len(part) - header
            block += count

    def names(self, inode: int) -> dict[str, int]:
        found = self._inode(inode)
        try:
            return {
                name.decode("utf-8", "surrogateescape"): number
                for name, number in self._entries(found)
                if name not in (b".", b"..")
            }
        except directory.BadDirectory as error:
            damaged(self._disk, f"directory inode {inode}: {error}")

    def _entries(self, inode: Inode) -> Iterator[tuple[bytes, int]]:
        known = self._geometry
        if inode.data.format == FORMAT_LOCAL:
            yield from directory.parse_short(inode.data.raw[: inode.stat.size], has_ftype=known.has_ftype)
            return
        for block in self._directory_blocks(inode):
            yield from directory.parse_block(block, has_ftype=known.has_ftype)

    def _directory_blocks(self, inode: Inode) -> Iterator[bytes]:
        """The data blocks of a directory. Where names were removed there may be holes, but not at its beginning."""
        known = self._geometry
        blocks = ForkMap(self._disk, known, inode.number, inode.data, unwritten=True)
        each = known.directory_block // known.block_size
        size = inode.stat.size
        if not size or size % known.directory_block or size > DIRECTORY_END or blocks.find(0)[0] is None:
            raise directory.BadDirectory(f"{size} bytes, not whole blocks, or the first of them is not there")
        block, read = 0, 0
        while block * known.block_size < size:
            place, count = blocks.find(block)
            if place is None:
                block += max(count // each, 1) * each
                continue
            what, read = f"directory inode {inode.number}", read + known.directory_block
            if read > DIRECTORY_LIMIT:
                raise directory.BadDirectory(f"more than {DIRECTORY_LIMIT} bytes of names")
            part = Shifted(blocks, block)
            yield read_mapped(self._disk, part, known.block_size, known.directory_block, read, what)
            block += each

    # -- attributes ----------------------------------------------------------------------------------------

    def xattrs(self, inode: int) -> Mapping[str, bytes]:
        found = self._inode(inode)
        values: dict[str, bytes] = {}
        try:
            for attribute in self._attributes(found):
                if not attribute.is_visible:
                    continue
                value = attribute.value or self._remote_value(found, attribute)
                values[attribute.full_name] = value
                if attribute.flags & xattr.FLAG_ROOT and attribute.name in ACLS:
                    values[ACLS[attribute.name]] = acl_from_xfs(value)
        except xattr.BadAttributes as error:
            damaged(self._disk, f"attributes of inode {inode}: {error}")
        return values

    def _attributes(self, inode: Inode) -> Iterator[xattr.Attribute]:
        fork = inode.attributes
        if fork is None:
            return
        if fork.format == FORMAT_LOCAL:
            yield from xattr.parse_short(fork.raw)
        elif fork.extents:
            yield from xattr.parse_tree(lambda block: self._attribute_block(inode, block))

    def _attribute_block(self, inode: Inode, block: int) -> bytes:
        if inode.attributes is None:
            raise xattr.BadAttributes("no attribute fork")
        place, _count = ForkMap(self._disk, self._geometry, inode.number, inode.attributes).find(block)
        if place is None:
            raise xattr.BadAttributes(f"block {block} is a hole")
        return self._disk.read_exactly(place * self._geometry.block_size, self._geometry.block_size)

    def _remote_value(self, inode: Inode, attribute: xattr.Attribute) -> bytes:
        """A large value: blocks of the attribute fork, each with a header (xfs_attr3_rmt_hdr) in version 5."""
        value, block = b"", attribute.remote_block
        header = 56 if self._geometry.v5 else 0
        while len(value) < attribute.remote_size:
            value += self._attribute_block(inode, block)[header:]
            block += 1
        return value[: attribute.remote_size]

    # -- usage ---------------------------------------------------------------------------------------------

    def usage(self) -> Usage:
        """As xfs_fs_statfs of a filesystem mounted read-only."""
        known, found = self._geometry, self._super
        size = known.blocks - found.log_blocks
        # xfs_alloc_set_aside: blocks that each group keeps for its free lists and trees.
        free = max(0, found.free_blocks - known.groups * 8)
        inodes = found.inodes + (free << known.inodes_shift)
        if found.max_inodes_percent:
            chunk = max(64, 1 << known.inodes_shift) >> known.inodes_shift  # blocks of inodes made together
            most = known.blocks * found.max_inodes_percent // 100 // chunk * chunk
            inodes = min(inodes, most << known.inodes_shift)
        inodes = max(inodes, found.inodes)
        return Usage(
            size=size * known.block_size,
            free=free * known.block_size,
            available=free * known.block_size,
            inodes=inodes,
            inodes_free=max(0, inodes - (found.inodes - found.inodes_free)),
        )
