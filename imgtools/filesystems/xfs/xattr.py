"""Extended attributes of XFS: inside the inode, in one leaf, or in a tree of leaves (xfs_da_format.h)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FLAG_LOCAL, FLAG_ROOT, FLAG_SECURE, FLAG_PARENT, FLAG_INCOMPLETE = 1, 2, 4, 8, 0x80
LEAF_MAGICS = {0xFBEE: 32, 0x3BEE: 80}  # size of the header, without and with checksums
NODE_MAGICS = {0xFEBE: 16, 0x3EBE: 64}
LONGEST_VALUE = 65536  # XFS_XATTR_SIZE_MAX
MOST_LEAVES = 65536  # more do not fit into an attribute fork that any tool makes


class BadAttributes(Exception):
    """The attributes do not hold together."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute as it is stored: a remote value lies at a block of the attribute fork."""

    name: bytes
    flags: int
    value: bytes = b""
    remote_block: int = 0
    remote_size: int = 0

    @property
    def full_name(self) -> str:
        """The name with its namespace."""
        prefix = (
            "trusted." if self.flags & FLAG_ROOT else "security." if self.flags & FLAG_SECURE else "user."
        )
        return prefix + self.name.decode("utf-8", "surrogateescape")

    @property
    def is_visible(self) -> bool:
        """Whether programs see it: not the parent pointers, nor what was never finished."""
        return not self.flags & (FLAG_PARENT | FLAG_INCOMPLETE)


def parse_short(raw: bytes) -> Iterator[Attribute]:
    """Yield the attributes inside an inode (xfs_attr_sf_hdr)."""
    if len(raw) < 4:
        return
    count, at = raw[2], 4
    for _ in range(count):
        if at + 3 > len(raw):
            raise BadAttributes("fewer than it says")
        name_length, value_length, flags = raw[at : at + 3]
        value_at = at + 3 + name_length
        if value_at + value_length > len(raw):
            raise BadAttributes("a value reaches beyond the inode")
        yield Attribute(raw[at + 3 : value_at], flags, raw[value_at : value_at + value_length])
        at = value_at + value_length


def parse_tree(read_block: Callable[[int], bytes]) -> Iterator[Attribute]:
    """Yield the attributes in blocks; ``read_block(n)`` reads block ``n`` of the attribute fork."""
    number, seen = _first_leaf(read_block), set[int]()
    while True:
        if number in seen or len(seen) > MOST_LEAVES:
            raise BadAttributes("the leaves form a loop")
        seen.add(number)
        block = read_block(number)
        yield from _parse_leaf(block)
        number = int.from_bytes(block[:4], "big")  # forw of xfs_da_blkinfo
        if not number:
            return


def _first_leaf(read_block: Callable[[int], bytes]) -> int:
    number = 0
    for _level in range(8):
        block = read_block(number)
        (magic,) = struct.unpack_from(">H", block, 8)
        if magic in LEAF_MAGICS:
            return number
        if magic not in NODE_MAGICS:
            break
        number = int.from_bytes(block[NODE_MAGICS[magic] + 4 : NODE_MAGICS[magic] + 8], "big")
    raise BadAttributes("neither leaf nor node")


def _parse_leaf(block: bytes) -> Iterator[Attribute]:
    (magic,) = struct.unpack_from(">H", block, 8)
    if magic not in LEAF_MAGICS:
        raise BadAttributes("no leaf where one is named")
    header = LEAF_MAGICS[magic]
    (count,) = struct.unpack_from(">H", block, header - (20 if header == 32 else 24))
    if header + 8 * count > len(block):
        raise BadAttributes("more entries than fit")
    for index in range(count):
        _hash, at, flags = struct.unpack_from(">IHB", block, header + 8 * index)
        if at + 9 > len(block):
            raise BadAttributes("a name beyond its block")
        if flags & FLAG_LOCAL:
            size, name_length = struct.unpack_from(">HB", block, at)
            name = block[at + 3 : at + 3 + name_length]
            yield Attribute(name, flags, block[at + 3 + name_length : at + 3 + name_length + size])
        else:
            place, size, name_length = struct.unpack_from(">IIB", block, at)
            if size > LONGEST_VALUE:
                raise BadAttributes(f"a value of {size} bytes")
            yield Attribute(block[at + 9 : at + 9 + name_length], flags, b"", place, size)
