"""Where the bytes of a file lie: extents in its tree, and the checksums of their sectors.

Source: Linux, include/uapi/linux/btrfs_tree.h (btrfs_file_extent_item, BTRFS_EXTENT_CSUM_KEY), fs/btrfs/tree-checker.c
(check_extent_data_item) and fs/btrfs/file-item.c (btrfs_lookup_bio_sums).
"""

from __future__ import annotations

import errno
import os
import struct
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from imgtools.errors import BadImage, OddGuest
from imgtools.filesystems.btrfs.chunks import ChunkMap, Place
from imgtools.filesystems.btrfs.compression import LARGEST, NONE, ZSTD, Unpack
from imgtools.filesystems.btrfs.structures import (
    CHECKSUMS,
    EXTENT_CSUM,
    EXTENT_DATA,
    MOST,
    RootItem,
    damage,
    damaged,
)
from imgtools.filesystems.btrfs.superblock import Superblock
from imgtools.filesystems.btrfs.trees import Leaf, Trees
from imgtools.filesystems.stream import PlacedFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

INLINE, REGULAR, PREALLOCATED = 0, 1, 2
READ_AT_ONCE = 1 << 20  # bytes
_HEAD = struct.Struct("<8xQBBHB")  # generation ram_bytes compression encryption other_encoding type
_PLACE = struct.Struct("<QQQQ")  # disk_bytenr disk_num_bytes offset num_bytes


class Stretch(NamedTuple):
    """A part of a file that lies in one place, or in none: ``address`` is 0 for a hole."""

    start: int  # in the file
    end: int
    address: int = 0  # of the whole extent
    packed: int = 0  # bytes of the whole extent as it is stored
    inner: int = 0  # where this part begins in the extent, unpacked
    size: int = 0  # bytes of the whole extent, unpacked
    compression: int = NONE
    inline: bytes = b""

    @property
    def is_hole(self) -> bool:
        """Whether it reads as zeros."""
        return not self.address and not self.inline


class FileMap:
    """The stretches of one file, found one at a time."""

    def __init__(self, trees: Trees, superblock: Superblock, root: RootItem, inode: int, size: int) -> None:
        self._trees = trees
        self._sector = superblock.sector
        self._root = root
        self._inode = inode
        self._size = size

    def find(self, offset: int) -> Stretch:
        """The stretch that a byte of the file is in; a hole goes up to the next that is none."""
        key = (self._inode, EXTENT_DATA, offset)
        leaf = self._trees.leaf(self._root, key)
        entries = leaf.block.entries
        index = bisect_right(entries, (*key, 1 << 64)) - 1
        follows = self._next(leaf, index)
        if index >= 0 and entries[index][:2] == key[:2]:
            start = entries[index][2]
            found = self._parse(self._trees.data(leaf.block, entries[index]), start)
            if found.end > follows and not found.inline:
                self._bad(f"overlaps another at byte {follows}")
            if offset < found.end:
                return found
            begin = found.end
        else:
            begin = 0
        return Stretch(begin, max(offset + 1, min(follows, self._size)))

    def _next(self, leaf: Leaf, index: int) -> int:
        """Where the next extent begins; far away if there is none."""
        entries = leaf.block.entries
        following = entries[index + 1] if index + 1 < len(entries) else leaf.until
        if following[:2] != (self._inode, EXTENT_DATA):
            return 1 << 64
        return following[2]

    def _parse(self, raw: bytes, start: int) -> Stretch:
        if len(raw) < _HEAD.size:
            self._bad("is cut")
        size, compression, encryption, encoding, kind = _HEAD.unpack_from(raw)
        if encryption or encoding or kind > PREALLOCATED or compression > ZSTD:
            self._bad(f"is of kind {kind}, compression {compression}, encryption {encryption}")
        if kind == INLINE:
            return self._inline(raw[_HEAD.size :], start, size, compression)
        if len(raw) != _HEAD.size + _PLACE.size:
            self._bad("is cut")
        address, packed, inner, length = _PLACE.unpack_from(raw, _HEAD.size)
        end, sector = start + length, self._sector
        numbers = (start, address, packed, inner, length, size)
        if not length or end > 1 << 63 or any(one % sector for one in numbers):
            self._bad("is not of whole sectors")
        if not address or kind == PREALLOCATED:
            return Stretch(start, end)
        if compression == NONE:
            is_whole = inner + length <= packed
        else:
            is_whole = inner + length <= size <= LARGEST and 0 < packed <= LARGEST
        if not is_whole or address + packed > MOST:
            self._bad("is larger than what it lies in")
        return Stretch(start, end, address, packed, inner, size, compression)

    def _inline(self, content: bytes, start: int, size: int, compression: int) -> Stretch:
        if start or (len(content) != size if compression == NONE else size > self._sector):
            self._bad(f"has {len(content)} bytes inside it, and says {size} at byte {start}")
        # Behind it, up to the end of its sector, is nothing.
        end = max(1, -(-size // self._sector)) * self._sector
        return Stretch(0, end, size=size, compression=compression, inline=content or b"\0")

    def _bad(self, what: str) -> NoReturn:
        damaged(self._trees.name, f"an extent of inode {self._inode} {what}")


class Sectors:
    """Data on the devices, checked sector by sector against the checksum tree.

    :param root: of the checksum tree.
    """

    def __init__(
        self, trees: Trees, superblock: Superblock, chunks: ChunkMap, root: RootItem, unpack: Unpack
    ) -> None:
        self._trees = trees
        self._super = superblock
        self._chunks = chunks
        self._root = root
        self._unpack = unpack
        self._unpacked: dict[
            int, bytes
        ] = {}  # of the extent that was unpacked last: most are read piece by piece

    def read(self, address: int, length: int, *, is_checked: bool) -> bytes:
        """Return whole sectors.

        :raises OddGuest: no copy has the right checksum, or there is none.
        """
        parts = []
        for size, places in self._chunks.pieces(address, length):
            wanted = self._checksums(address, size) if is_checked else b""
            parts.append(self._piece(address, size, places, wanted))
            address += size
        return b"".join(parts) if len(parts) != 1 else parts[0]

    def unpacked(self, stretch: Stretch, *, is_checked: bool) -> bytes:
        """Return the whole of a compressed extent.

        :raises OddGuest: it is damaged.
        """
        found = self._unpacked.get(stretch.address)
        if found is None or len(found) != stretch.size:
            packed = self.read(stretch.address, stretch.packed, is_checked=is_checked)
            found = self.unpack(stretch.compression, packed, stretch.size)
            self._unpacked = {stretch.address: found}
        return found

    def unpack(self, compression: int, packed: bytes, size: int) -> bytes:
        """Unpack something.

        :raises OddGuest: it is damaged.
        """
        try:
            return self._unpack(compression, packed, size, self._super.sector)
        except OddGuest as error:
            damaged(self._trees.name, error.message)

    def _piece(self, address: int, size: int, places: Sequence[Place], wanted: bytes) -> bytes:
        """Read from the first place that has all of it right; else put together what is right in each."""
        fault, copies = "", []
        for place in places:
            try:
                content = self._chunks.read(place, size)
            except (BadImage, OddGuest) as error:
                fault = fault or error.message
                continue
            if not wanted or self._sums(content) == wanted:
                return content
            copies.append(content)
        if not copies:
            damaged(self._trees.name, fault)
        return b"".join(
            self._sector(address, at, copies, wanted) for at in range(0, size, self._super.sector)
        )

    def _sector(self, address: int, at: int, copies: Sequence[bytes], wanted: bytes) -> bytes:
        known = self._super
        begin = at // known.sector * known.checksum.size
        for content in copies:
            sector = content[at : at + known.sector]
            if known.checksum.of(sector) == wanted[begin : begin + known.checksum.size]:
                return sector
        what = f"the data at {address + at} does not have its checksum ({known.checksum.name})"
        raise damage(self._trees.name, what)

    def _sums(self, content: bytes) -> bytes:
        of, sector = self._super.checksum.of, self._super.sector
        return b"".join([of(content[at : at + sector]) for at in range(0, len(content), sector)])

    def _checksums(self, address: int, length: int) -> bytes:
        """The checksums of a range of sectors."""
        sector, each = self._super.sector, self._super.checksum.size
        parts, end = [], address + length
        while address < end:
            found = self._trees.last_before(self._root, (CHECKSUMS, EXTENT_CSUM, address))
            key, raw = found or ((0, 0, 0), b"")
            index = (address - key[2]) // sector
            part = raw[index * each : (index + (end - address) // sector) * each]
            if key[:2] != (CHECKSUMS, EXTENT_CSUM) or len(part) < each:
                damaged(self._trees.name, f"the data at {address} has no checksum")
            parts.append(part[: len(part) // each * each])
            address += len(part) // each * sector
        return b"".join(parts)


class Content(PlacedFile):
    """The content of one file.

    :param is_checked: whether its data has checksums; not where copying on write is off.
    """

    def __init__(
        self, stretches: FileMap, sectors: Sectors, sector: int, size: int, *, is_checked: bool
    ) -> None:
        super().__init__(size)
        self._map = stretches
        self._sectors = sectors
        self._sector = sector
        self._is_checked = is_checked

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset``: one stretch of it."""
        found = self._map.find(offset)
        length = min(length, found.end - offset, self._size - offset)
        if found.is_hole:
            return bytes(length)
        if found.inline:
            content = self._inline(found)[offset : offset + length]
            return content.ljust(length, b"\0")
        inner = found.inner + offset - found.start
        if found.compression:
            return self._sectors.unpacked(found, is_checked=self._is_checked)[inner : inner + length]
        length = min(length, READ_AT_ONCE)
        skipped = inner % self._sector
        whole = -(-(skipped + length) // self._sector) * self._sector
        content = self._read(found.address + inner - skipped, whole)
        return content[skipped : skipped + length]

    def _read(self, address: int, length: int) -> bytes:
        """Return sectors, at least the first: those before one that is damaged."""
        try:
            return self._sectors.read(address, length, is_checked=self._is_checked)
        except OddGuest:
            if length <= self._sector:
                raise
            half = length // 2 // self._sector * self._sector
            return self._read(address, max(half, self._sector))

    def _inline(self, found: Stretch) -> bytes:
        if not found.compression:
            return found.inline
        return self._sectors.unpack(found.compression, found.inline, found.size)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and self._position < self._size:
            try:
                piece = self.read_at(self._position, len(view) - filled)
            except (OddGuest, BadImage):
                if filled:  # what comes before the damage is given; who reads on is told
                    break
                raise
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled

    def find_next(self, offset: int, whence: int) -> int:
        """Return the first byte from ``offset`` on that is in a hole, or is in none; the end counts as a hole."""
        if not 0 <= offset < self._size:
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        is_hole = whence == os.SEEK_HOLE
        while offset < self._size:
            found = self._map.find(offset)
            if found.is_hole is is_hole:
                return offset
            offset = found.end
        if is_hole:
            return self._size
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
