"""The content of a new small file on ext4: few stretches of blocks, named in the inode itself.

The library writes a file piece by piece, and its inode five times on the way. A file that is read whole, and is new,
needs none of that: blocks are taken one after the other, and the inode is written once with all that it says. Where
they are too scattered for an inode, or there are no extents, the library writes the file.

(ext2fs_alloc_range, which finds stretches, does not return on a filesystem in small pieces: e2fsprogs 1.47.0.)

Source: ext2fs_new_block2 in lib/ext2fs/alloc.c of e2fsprogs 1.47; fs/ext4/ext4_extents.h for the extents.
"""

from __future__ import annotations

import struct
from ctypes import byref, c_uint64

from imgtools.filesystems.ext.inode import EXTENT_MAGIC
from imgtools.filesystems.ext.libext2fs import BLOCK_ALLOC_FAIL, Ext2Error, Ext2Volume
from imgtools.filesystems.ext.reader import EXTENTS, Superblock

SMALL = 64 << 10  # bytes; for larger files the library costs no more than their content
IN_INODE = 4  # extents that i_block has room for

HEADER = struct.Struct("<HHHHI")  # struct ext4_extent_header
EXTENT = struct.Struct("<IHHI")  # struct ext4_extent: first block in the file, blocks, place (high, low)


def put_content(
    volume: Ext2Volume, known: Superblock, number: int, raw: bytearray, content: bytes, *, near: int
) -> int | None:
    """Write the whole content of the new, empty inode ``number``, and put into ``raw`` where it is.

    :param near: where to look for free blocks, if that is in the inode's own group.
    :returns: the first block after it, ``near`` if there was nothing to write; None: nothing was done.
    :raises Ext2Error: it cannot be written.
    """
    if not content:
        return near
    if not known.incompatible & EXTENTS or len(content) > SMALL:
        return None
    size = known.block_size
    count = -(-len(content) // size)
    begin = known.first_block + (number - 1) // known.inodes_per_group * known.blocks_per_group
    runs = _take(volume, near if begin <= near < begin + known.blocks_per_group else begin, count)
    if runs is None:
        return None
    HEADER.pack_into(raw, 40, EXTENT_MAGIC, len(runs), IN_INODE, 0, 0)
    done = 0
    for index, (first, length) in enumerate(runs):
        piece = content[done * size : (done + length) * size]
        volume.write_blocks(first, piece.ljust(length * size, b"\0"))
        EXTENT.pack_into(raw, 52 + 12 * index, done, length, first >> 32, first & 0xFFFFFFFF)
        done += length
    struct.pack_into("<I", raw, 4, len(content))  # i_size_lo
    struct.pack_into("<I", raw, 28, count * (size // 512))  # i_blocks_lo
    return sum(runs[-1])


def _take(volume: Ext2Volume, goal: int, count: int) -> list[tuple[int, int]] | None:
    """Take blocks at or behind ``goal``: stretches, as first block and length; None: they are not to be had."""
    runs: list[tuple[int, int]] = []
    found = c_uint64()
    for _ in range(count):
        try:
            volume.call("ext2fs_new_block2", goal, None, byref(found))
        except Ext2Error as error:
            if error.code != BLOCK_ALLOC_FAIL:
                raise
            _give_back(volume, runs)
            return None
        block = found.value
        is_next = bool(runs) and block == sum(runs[-1])
        if not is_next and len(runs) == IN_INODE:
            _give_back(volume, runs)
            return None
        volume.call("ext2fs_block_alloc_stats2", block, 1)
        if is_next:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((block, 1))
        goal = block + 1
    return runs


def _give_back(volume: Ext2Volume, runs: list[tuple[int, int]]) -> None:
    for first, length in runs:
        for block in range(first, first + length):
            volume.call("ext2fs_block_alloc_stats2", block, -1)
