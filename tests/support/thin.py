"""The metadata of a thin pool made by hand: a superblock and B-trees with their checksums."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import google_crc32c

BLOCK = 4096
POOL_BLOCK = 64 << 10
SUPERBLOCK_SALT, NODE_SALT = 160774, 121107
INTERNAL, LEAF = 1, 2


def sealed(block: bytearray, salt: int) -> bytearray:
    """A block with its checksum."""
    struct.pack_into("<I", block, 0, int(google_crc32c.value(bytes(block[4:]))) ^ 0xFFFFFFFF ^ salt)
    return block


def node(number: int, flags: int, keys: Sequence[int], values: Sequence[bytes], size: int = 8) -> bytearray:
    """A node of a B-tree."""
    most = (BLOCK - 32) // (8 + size)
    raw = bytearray(BLOCK)
    struct.pack_into("<IIQIII", raw, 0, 0, flags, number, len(keys), most, size)
    for at, (key, value) in enumerate(zip(keys, values, strict=True)):
        struct.pack_into("<Q", raw, 32 + 8 * at, key)
        raw[32 + 8 * most + size * at : 32 + 8 * most + size * (at + 1)] = value
    return sealed(raw, NODE_SALT)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def metadata(
    volumes: Mapping[int, Mapping[int, int]], *, transaction: int = 1, flags: int = 0, leaf: int = 100
) -> bytearray:
    """A pool: of each volume which blocks lie where; more than ``leaf`` of them make two levels."""
    blocks = [bytearray(BLOCK)]

    def add(flags: int, keys: Sequence[int], values: Sequence[bytes], size: int = 8) -> int:
        blocks.append(node(len(blocks), flags, keys, values, size))
        return len(blocks) - 1

    roots = []
    for mapped in volumes.values():
        keys = sorted(mapped)
        # The time of the mapping stands below.
        parts = [keys[at : at + leaf] for at in range(0, len(keys), leaf)] or [[]]
        leaves = [add(LEAF, part, [u64(mapped[key] << 24 | 7) for key in part]) for part in parts]
        first = [part[0] for part in parts if part]
        roots.append(leaves[0] if len(leaves) == 1 else add(INTERNAL, first, [u64(one) for one in leaves]))
    mappings = add(LEAF, sorted(volumes), [u64(root) for root in roots])
    details = add(LEAF, sorted(volumes), [bytes(24) for _ in volumes], 24)
    head = blocks[0]
    struct.pack_into("<IQ", head, 4, flags, 0)
    struct.pack_into("<QIIQ", head, 32, 27022010, 2, 0, transaction)
    struct.pack_into("<QQIIQ", head, 320, mappings, details, POOL_BLOCK // 512, 8, len(blocks))
    sealed(head, SUPERBLOCK_SALT)
    return bytearray(b"".join(blocks))
