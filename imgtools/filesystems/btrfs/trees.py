"""The trees of btrfs: blocks of sorted items, each checked against its checksum and against who names it.

Source: Linux, fs/btrfs/ctree.h (btrfs_header, btrfs_item, btrfs_key_ptr) and fs/btrfs/disk-io.c
(btrfs_validate_extent_buffer).
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.errors import BadImage, OddGuest
from imgtools.filesystems.btrfs.chunks import ChunkMap
from imgtools.filesystems.btrfs.structures import BEHIND_ALL, Key, RootItem, damage, damaged
from imgtools.filesystems.btrfs.superblock import DEEPEST, Superblock

HEADER = struct.Struct(
    "<32x16sQQ16xQQIB"
)  # csum fsid bytenr flags chunk-tree-uuid generation owner nritems level
ITEM = struct.Struct("<QBQII")  # key, offset of its data behind the header, size of it
POINTER = struct.Struct("<QBQQQ")  # key, address, generation
KEPT = 4 << 20  # bytes of blocks that are remembered; with their items some 20 MB at most

# An item as it is kept: its key and where its data is; or a key and a pointer: address and generation.
Entry = tuple[int, int, int, int, int]


class Block(NamedTuple):
    """A block of a tree: of level 0 with items, else with pointers."""

    raw: bytes
    level: int
    generation: int
    entries: list[Entry]


class Leaf(NamedTuple):
    """The leaf that a key belongs to, and the range of keys that no other leaf can have."""

    block: Block
    low: Key
    until: Key


class Trees:
    """Reads trees, and remembers what it has read.

    :param name: of the filesystem's volume, for errors.
    """

    def __init__(self, name: str, superblock: Superblock, chunks: ChunkMap) -> None:
        self.name = name
        self._super = superblock
        self._chunks = chunks
        self._blocks: dict[int, Block] = {}
        self._most = max(32, KEPT // superblock.node)
        self._last: dict[int, Leaf] = {}  # of each tree the leaf that was looked into last

    # -- items ---------------------------------------------------------------------------------------------

    def item(self, root: RootItem, key: Key) -> bytes | None:
        """The data of the item with this very key."""
        leaf = self.leaf(root, key)
        entries = leaf.block.entries
        index = bisect_left(entries, key)
        if index < len(entries) and entries[index][:3] == key:
            return self.data(leaf.block, entries[index])
        return None

    def items(self, root: RootItem, low: Key, high: Key) -> Iterator[tuple[Key, bytes]]:
        """Yield the items with keys from ``low`` to ``high``, both included."""
        key = low
        while key <= high:
            leaf = self.leaf(root, key)
            entries = leaf.block.entries
            for entry in entries[bisect_left(entries, key) :]:
                if entry[:3] > high:
                    return
                yield entry[:3], self.data(leaf.block, entry)
            key = leaf.until

    def last_before(self, root: RootItem, key: Key) -> tuple[Key, bytes] | None:
        """The last item whose key is not greater than ``key``."""
        leaf = self.leaf(root, key)
        index = bisect_right(leaf.block.entries, (*key, 1 << 64)) - 1
        if index < 0:
            return None
        entry = leaf.block.entries[index]
        return entry[:3], self.data(leaf.block, entry)

    def data(self, block: Block, entry: Entry) -> bytes:
        """The data of an item.

        :raises OddGuest: it lies outside its block.
        """
        begin = HEADER.size + entry[3]
        end = begin + entry[4]
        if end > len(block.raw):
            damaged(self.name, f"the item {_words(entry[:3])} reaches beyond its block")
        return block.raw[begin:end]

    # -- blocks --------------------------------------------------------------------------------------------

    def leaf(self, root: RootItem, key: Key) -> Leaf:
        """The leaf that has ``key``, or would have it."""
        last = self._last.get(root.id)
        if last is not None and last.low <= key < last.until:
            return last
        block = self._block(root.bytenr, root.level, root.generation)
        low, until = (0, 0, 0), BEHIND_ALL
        while block.level:
            entries = block.entries
            index = max(0, bisect_right(entries, (*key, 1 << 64)) - 1)
            if index:
                low = entries[index][:3]
            if index + 1 < len(entries):
                until = entries[index + 1][:3]
            entry = entries[index]
            block = self._block(entry[3], block.level - 1, entry[4], entry[:3])
        if not low <= key < until:
            damaged(self.name, f"the keys of tree {root.id} are not in order")
        found = self._last[root.id] = Leaf(block, low, until)
        return found

    def _block(self, address: int, level: int, generation: int, first: Key | None = None) -> Block:
        block = self._blocks.pop(address, None)
        if block is None:
            block = self._read(address, level, generation)
            if len(self._blocks) >= self._most:
                del self._blocks[next(iter(self._blocks))]
        self._blocks[address] = block  # the one used last is the last to go
        if block.level != level or block.generation != generation:
            damaged(self.name, f"the tree block at {address} is of another level or time than it should be")
        if first is not None and (not block.entries or block.entries[0][:3] != first):
            damaged(self.name, f"the tree block at {address} does not begin with the key that leads to it")
        return block

    def _read(self, address: int, level: int, generation: int) -> Block:
        """Read a block from the first place that has it whole."""
        if address % self._super.sector or level >= DEEPEST:
            damaged(self.name, f"there can be no tree block at {address}")
        fault, pieces = "", list(self._chunks.pieces(address, self._super.node))
        for number in range(max(len(places) for _, places in pieces)):
            try:
                raw = b"".join(
                    self._chunks.read(places[min(number, len(places) - 1)], size) for size, places in pieces
                )
            except (BadImage, OddGuest) as error:
                fault = fault or error.message
                continue
            reason = self._fault(raw, address, level, generation)
            if not reason:
                return self._parsed(raw, address)
            fault = fault or f"the tree block at {address} {reason}"
        raise damage(self.name, fault)

    def _fault(self, raw: bytes, address: int, level: int, generation: int) -> str:
        """What is wrong with a copy of a block; empty: nothing."""
        known = self._super
        fsid, place, _flags, time, _owner, _count, found = HEADER.unpack_from(raw)
        if known.checksum.of(raw[32:]) != raw[: known.checksum.size]:
            return f"does not have its checksum ({known.checksum.name})"
        if place != address:
            return f"is the one of {place}"
        if fsid != known.metadata_uuid:
            return "is of another filesystem"
        if found != level:
            return f"is of level {found}, not {level}"
        if time != generation:
            return f"was written by transaction {time}, not {generation}"
        return ""

    def _parsed(self, raw: bytes, address: int) -> Block:
        _fsid, _place, _flags, generation, _owner, count, level = HEADER.unpack_from(raw)
        form = POINTER if level else ITEM
        end = HEADER.size + count * form.size
        if end > len(raw) or (level and not count):
            damaged(self.name, f"the tree block at {address} has {count} entries")
        entries = list(form.iter_unpack(memoryview(raw)[HEADER.size : end]))
        if entries != sorted(entries):
            damaged(self.name, f"the keys in the tree block at {address} are not in order")
        return Block(raw, level, generation, entries)


def _words(key: Key) -> str:
    return "({} {} {})".format(*key)
