"""Directories of XFS: short ones inside the inode, others in data blocks (fs/xfs/libxfs/xfs_da_format.h).

The index behind the data blocks is not needed to list a directory, and is not read.
"""

from __future__ import annotations

from collections.abc import Iterator

BLOCK_MAGICS = {b"XD2B": 16, b"XDB3": 64}  # one block with its own index at the end; size of the header
DATA_MAGICS = {b"XD2D": 16, b"XDD3": 64}  # data only
UNUSED = 0xFFFF


class BadDirectory(Exception):
    """The entries do not hold together."""


def parse_short(raw: bytes, *, has_ftype: bool) -> Iterator[tuple[bytes, int]]:
    """Yield names and inodes of a directory inside its inode (xfs_dir2_sf_hdr)."""
    if len(raw) < 6:
        raise BadDirectory("no header")
    count, wide = raw[0], bool(raw[1])
    number_size = 8 if wide else 4
    at = 2 + number_size
    for _ in range(count):
        if at >= len(raw):
            raise BadDirectory("fewer entries than it says")
        length = raw[at]
        name = raw[at + 3 : at + 3 + length]
        number_at = at + 3 + length + has_ftype
        if number_at + number_size > len(raw) or not length:
            raise BadDirectory("an entry reaches beyond the inode")
        yield name, int.from_bytes(raw[number_at : number_at + number_size], "big")
        at = number_at + number_size
    if at != len(raw):
        raise BadDirectory("more bytes than its entries have")


def parse_block(block: bytes, *, has_ftype: bool) -> Iterator[tuple[bytes, int]]:
    """Yield names and inodes of one directory block, with ``.`` and ``..``."""
    magic = block[:4]
    at, end = 0, len(block)
    if magic in BLOCK_MAGICS:
        at = BLOCK_MAGICS[magic]
        end -= 8 + 8 * int.from_bytes(block[-8:-4], "big")
    elif magic in DATA_MAGICS:
        at = DATA_MAGICS[magic]
    else:
        raise BadDirectory(f"a block of kind {magic!r}")
    if end < at:
        raise BadDirectory("an index larger than its block")
    while at < end:
        if at + 8 > end:
            raise BadDirectory(f"an entry at {at} is cut")
        if int.from_bytes(block[at : at + 2], "big") == UNUSED:
            length = int.from_bytes(block[at + 2 : at + 4], "big")
            if length < 8 or length % 8:
                raise BadDirectory(f"an unused stretch of {length} bytes")
            at += length
            continue
        if at + 8 == end:
            raise BadDirectory(f"an entry at {at} is cut")
        name_length = block[at + 8]
        size = (8 + 1 + name_length + has_ftype + 2 + 7) // 8 * 8
        if not name_length or at + size > end:
            raise BadDirectory(f"an entry at {at}")
        yield block[at + 9 : at + 9 + name_length], int.from_bytes(block[at : at + 8], "big")
        at += size
