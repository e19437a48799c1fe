"""Whether the log of an XFS is clean: it ends with an unmount record, as xlog_find_tail and
xlog_check_unmount_rec of fs/xfs/xfs_log_recover.c look for it.

Every 512-byte block of the log begins with the number of the round ("cycle") in which it was written; the head
of the log is where that number drops.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

RECORD_MAGIC = 0xFEEDBABE
UNMOUNT = 0x20  # XLOG_UNMOUNT_TRANS in oh_flags
CYCLE_SIZE = 32768  # XLOG_HEADER_CYCLE_SIZE: bytes of a record that one header block describes
MOST_BACK = 1024  # blocks to look back for the last record: more than the largest one (256 KiB) has

ReadBlock = Callable[[int], bytes]


def log_is_clean(read_block: ReadBlock, blocks: int) -> bool:
    """Whether nothing waits in the log. ``read_block(n)`` reads its n-th 512 bytes of ``blocks``."""
    head = _find_head(read_block, blocks)
    if head is None:
        return True  # never written at all
    for back in range(1, min(MOST_BACK, blocks) + 1):
        start = (head - back) % blocks
        header = read_block(start)
        if int.from_bytes(header[:4], "big") == RECORD_MAGIC:
            return _is_unmount(read_block, blocks, start, header, head)
    return False


def _cycle(block: bytes) -> int:
    first, second = struct.unpack_from(">II", block)
    return int(second if first == RECORD_MAGIC else first)


def _find_head(read_block: ReadBlock, blocks: int) -> int | None:
    """The block that will be written next; None if none ever was."""
    first, last = _cycle(read_block(0)), _cycle(read_block(blocks - 1))
    if first == 0:
        return None
    if first == last:
        return 0
    low, high = 0, blocks - 1  # low is of the first cycle, high of the last
    while high - low > 1:
        middle = (low + high) // 2
        if _cycle(read_block(middle)) == first:
            low = middle
        else:
            high = middle
    return high


def _is_unmount(read_block: ReadBlock, blocks: int, start: int, header: bytes, head: int) -> bool:
    """Whether the record at ``start`` is an unmount record and ends exactly at the head."""
    version, length = struct.unpack_from(">II", header, 8)
    (operations,) = struct.unpack_from(">I", header, 40)  # h_num_logops
    header_blocks = 1
    if version & 2:
        (size,) = struct.unpack_from(">I", header, 320)  # h_size of version 2
        header_blocks = max(1, -(-size // CYCLE_SIZE))
    after = (start + header_blocks + -(-length // 512)) % blocks
    if operations != 1 or after != head % blocks:
        return False
    operation = read_block((start + header_blocks) % blocks)
    return bool(operation[9] & UNMOUNT)
