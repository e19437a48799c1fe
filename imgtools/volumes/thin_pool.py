"""Thin volumes, read from the metadata of their pool: two levels of B-trees that say where each block lies.

Own code, held against the kernel (docs/decisions/thin-volumes.md). Source: drivers/md/dm-thin-metadata.c and
drivers/md/persistent-data/dm-btree-internal.h of Linux 6.1.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import google_crc32c

from imgtools.errors import BadImage
from imgtools.volumes.computed_disk import ZEROS, Piece
from imgtools.volumes.volume_file import DiskFile

BLOCK = 4096  # bytes of a block of metadata (THIN_METADATA_BLOCK_SIZE)
MAGIC = 27022010
SUPERBLOCK_SALT, NODE_SALT = 160774, 121107  # SUPERBLOCK_CSUM_XOR, BTREE_CSUM_XOR
NEEDS_CHECK = 1
INTERNAL, LEAF = 1, 2
DEEPEST = 12  # levels of a tree: with 126 entries in each, nine reach all of 2**63 blocks
NODES_KEPT = 256
SMALLEST_BLOCK, LARGEST_BLOCK = 64 << 10, 1 << 30  # DATA_DEV_BLOCK_SIZE_MIN_SECTORS, ..._MAX_SECTORS
DATA, METADATA, EXTERNAL = 0, 1, 2  # the sources


class BadPool(Exception):
    """The metadata of a pool is damaged, or not what LVM says of it."""


class _Node(NamedTuple):
    """A node of a B-tree."""

    is_leaf: bool
    keys: tuple[int, ...]
    values: tuple[bytes, ...]


class Metadata:
    """The metadata of a pool, read node by node.

    :raises BadPool: the superblock is damaged, or wants to be checked first.
    """

    def __init__(self, file: DiskFile) -> None:
        self._file = file
        self._nodes: dict[int, _Node] = {}
        raw = file.read_at(0, BLOCK)
        if len(raw) < BLOCK or struct.unpack_from("<Q", raw, 32)[0] != MAGIC:
            raise BadPool("the metadata of its pool has no superblock")
        if _checksum(raw, SUPERBLOCK_SALT) != struct.unpack_from("<I", raw)[0]:
            raise BadPool("the superblock of its pool does not have its checksum")
        (flags,) = struct.unpack_from("<I", raw, 4)
        (version,) = struct.unpack_from("<I", raw, 40)
        (self.transaction,) = struct.unpack_from("<Q", raw, 48)
        self._mappings, self._details = struct.unpack_from("<QQ", raw, 320)
        sectors, own_sectors = struct.unpack_from("<II", raw, 336)
        _compat, _read_only, incompatible = struct.unpack_from("<3I", raw, 352)
        self.block_size = sectors * 512
        if flags & NEEDS_CHECK:
            raise BadPool("its pool wants to be checked first (thin_check, lvconvert --repair)")
        if version not in (1, 2) or incompatible or own_sectors * 512 != BLOCK:
            raise BadPool(f"the metadata of its pool is of version {version}, with features not known here")

    def tree_of(self, device: int) -> int:
        """Return the root of the tree with the blocks of a volume.

        :raises BadPool: the pool has no such volume.
        """
        if self._find(self._details, device, 24) is None:
            raise BadPool(f"its pool has no volume {device}")
        root = self._find(self._mappings, device, 8)
        if root is None:
            raise BadPool(f"its pool has no volume {device}")
        return int.from_bytes(root, "little")

    def block(self, root: int, number: int) -> tuple[int, int]:
        """Return where a block of a volume lies (-1: nowhere), and how many behind it are like that, itself included.

        What follows is told as far as the leaf goes, for it was read anyway.
        """
        node, limit = self._leaf(root, number, 8)
        at = bisect_right(node.keys, number) - 1
        if at < 0 or node.keys[at] != number:
            after = node.keys[at + 1] if at + 1 < len(node.keys) else limit
            return -1, max(1, after - number)
        place, count = _place(node.values[at]), 1
        while (
            at + count < len(node.keys)
            and node.keys[at + count] == number + count
            and _place(node.values[at + count]) == place + count
        ):
            count += 1
        return place, count

    # -- trees ---------------------------------------------------------------------------------------------

    def _find(self, root: int, key: int, size: int) -> bytes | None:
        node, _limit = self._leaf(root, key, size)
        at = bisect_right(node.keys, key) - 1
        return node.values[at] if at >= 0 and node.keys[at] == key else None

    def _leaf(self, root: int, key: int, size: int) -> tuple[_Node, int]:
        """The leaf in which a key is, if it is anywhere, and the first key that is in another."""
        number, limit = root, 1 << 63
        for _ in range(DEEPEST):
            node = self._node(number, size)
            if node.is_leaf:
                return node, limit
            at = max(0, bisect_right(node.keys, key) - 1)
            if at + 1 < len(node.keys):
                limit = node.keys[at + 1]
            if not node.keys:
                raise BadImage(f"{self._file.name}: node {number} of the pool's metadata is empty")
            number = int.from_bytes(node.values[at], "little")
        raise BadImage(f"{self._file.name}: a tree of the pool's metadata is deeper than {DEEPEST}")

    def _node(self, number: int, size: int) -> _Node:
        node = self._nodes.get(number)
        if node is None:
            node = self._read_node(number, size)
            if len(self._nodes) >= NODES_KEPT:
                del self._nodes[next(iter(self._nodes))]
            self._nodes[number] = node
        return node

    def _read_node(self, number: int, size: int) -> _Node:
        raw = self._file.read_at(number * BLOCK, BLOCK) if number < self._file.size // BLOCK else b""
        if len(raw) < BLOCK:
            raise BadImage(f"{self._file.name}: the pool's metadata has no block {number}")
        checksum, flags, place, count, most, value_size = struct.unpack_from("<IIQIII", raw)
        if place != number or _checksum(raw, NODE_SALT) != checksum:
            raise BadImage(f"{self._file.name}: block {number} of the pool's metadata is damaged")
        is_leaf = bool(flags & LEAF)
        wanted = size if is_leaf else 8
        if flags & 3 not in (INTERNAL, LEAF) or count > most or value_size != wanted:
            raise BadImage(f"{self._file.name}: block {number} of the pool's metadata is no node of its tree")
        values = 32 + 8 * most
        if most > BLOCK // 8 or values + most * value_size > BLOCK:
            raise BadImage(f"{self._file.name}: block {number} of the pool's metadata has {most} entries")
        keys = struct.unpack_from(f"<{count}Q", raw, 32)
        if any(one >= two for one, two in pairwise(keys)):
            raise BadImage(f"{self._file.name}: block {number} of the pool's metadata is not in order")
        return _Node(is_leaf, keys, tuple(_cut(raw, values, count, value_size)))


def _checksum(raw: bytes, salt: int) -> int:
    """The checksum of a block: CRC-32C of all behind it, not inverted at the end (dm_bm_checksum)."""
    return int(google_crc32c.value(raw[4:])) ^ 0xFFFFFFFF ^ salt


def _cut(raw: bytes, start: int, count: int, size: int) -> Iterator[bytes]:
    for at in range(start, start + count * size, size):
        yield raw[at : at + size]


def _place(value: bytes) -> int:
    """The block of the pool's data in the value of a mapping; the lower 24 bits are the time of a snapshot."""
    return int.from_bytes(value, "little") >> 24


class ThinMapping:
    """Where the blocks of one thin volume lie; what was never written reads as its external origin, or as zeros."""

    def __init__(self, sources: Sequence[DiskFile], metadata: Metadata, root: int, size: int) -> None:
        self.size = size
        self._metadata, self._root = metadata, root
        self._block = metadata.block_size
        self._data_size = sources[DATA].size
        self._external = sources[EXTERNAL].size if len(sources) > EXTERNAL else 0

    def find(self, offset: int) -> Piece:
        number, inner = divmod(offset, self._block)
        place, count = self._metadata.block(self._root, number)
        length = min(count * self._block - inner, self.size - offset)
        if place >= 0:
            if place * self._block + inner + length > self._data_size:
                raise BadImage(f"the pool's metadata names block {place} of its data, which is not there")
            return Piece(DATA, place * self._block + inner, length)
        if offset < self._external:
            return Piece(EXTERNAL, offset, min(length, self._external - offset))
        return Piece(ZEROS, 0, length)


def open_thin(
    sources: Sequence[DiskFile], *, device_id: int, transaction: int, block_size: int, size: int
) -> ThinMapping:
    """Open a thin volume.

    :param sources: the data and the metadata of its pool, and what it is a snapshot of outside the pool.
    :param transaction: the pool's, as LVM counts them.
    :param size: of the volume, in bytes.
    :raises BadPool: the metadata is damaged, does not know the volume, or is another than LVM has.
    :raises BadImage: a node on the way to the volume is damaged.
    """
    metadata = Metadata(sources[METADATA])
    if metadata.transaction != transaction:
        raise BadPool(f"its pool is at transaction {metadata.transaction}, and LVM's text at {transaction}")
    if metadata.block_size != block_size or not SMALLEST_BLOCK <= block_size <= LARGEST_BLOCK:
        raise BadPool(f"its pool has blocks of {metadata.block_size} bytes, and LVM's text of {block_size}")
    return ThinMapping(sources, metadata, metadata.tree_of(device_id), size)
