"""Copies of a guest's files that have holes where the files have them."""

from __future__ import annotations

import os
from typing import BinaryIO

from imgtools.filesystems.holes import data_parts

CHUNK = 1 << 20
BLOCK = 4096  # bytes; a block of zeros becomes a hole


def copy_sparse(source: BinaryIO, target: BinaryIO, size: int) -> int:
    """Copy ``size`` bytes of a stream into an empty file; return how many came.

    What the source says is a hole is not read, and what is read as zeros is left out too: both are holes of the copy.
    """
    for begin, end in data_parts(source, size):
        source.seek(begin)
        target.seek(begin)
        while begin < end and (chunk := source.read(min(CHUNK, end - begin))):
            for start in range(0, len(chunk), BLOCK):
                block = chunk[start : start + BLOCK]
                if block.count(0) == len(block):
                    target.seek(len(block), os.SEEK_CUR)
                else:
                    target.write(block)
            begin += len(chunk)
        if begin < end:  # it is shorter than its size
            size = begin
            break
    target.truncate(size)
    return size
