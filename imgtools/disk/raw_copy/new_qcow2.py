"""A new qcow2 image of a disk whose bytes are at hand: version 3, no backing file, nothing compressed or encrypted.

Source: docs/interop/qcow2.txt of QEMU. It is what ``qemu-img create -f qcow2`` makes without options; every test that
makes one has qemu-img check and compare it.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from array import array

from imgtools.disk.headers.magic import QCOW_MAGIC
from imgtools.disk.headers.qcow2 import COPIED
from imgtools.disk.raw_copy.copy import filled, write_filled

CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
MOST = (
    1 << 40
)  # bytes of disk; its second-level tables are kept in memory, an eighth of a thousandth of its data
_PER_TABLE = CLUSTER // 8  # entries of a second-level table
_PER_REFCOUNT_BLOCK = CLUSTER // 2  # a reference count has 16 bits
_REFCOUNT_ORDER = 4
_HEADER_LENGTH = 112
_FEATURE_NAMES = 0x6803F857
# Type, bit and name of each feature, for programs that do not know it.
_NAMES = (
    (0, 0, b"dirty bit"),
    (0, 1, b"corrupt bit"),
    (0, 2, b"external data file"),
    (0, 3, b"compression type"),
    (0, 4, b"extended L2 entries"),
    (1, 0, b"lazy refcounts"),
    (2, 0, b"bitmaps"),
    (2, 1, b"raw external data"),
)


class Qcow2Target:
    """Header, first-level table, then data as it comes, then second-level tables and reference counts."""

    cluster = CLUSTER

    def __init__(self, descriptor: int, size: int) -> None:
        """:param size: bytes of the disk; it becomes a whole number of sectors."""
        self._descriptor = descriptor
        self._size = -(-size // 512) * 512
        self._l1_entries = -(-self._size // (CLUSTER * _PER_TABLE))
        self._tables: dict[int, array[int]] = {}  # by place in the first-level table
        self._used = 1 + _clusters(self._l1_entries * 8)  # clusters of the file
        self._turn = threading.Lock()

    def begin(self) -> None:
        os.ftruncate(self._descriptor, self._used * CLUSTER)

    def write(self, buffer: bytearray, offset: int, length: int) -> None:
        for start, end in _runs(buffer, length):
            host = self._allocate((offset + start) // CLUSTER, _clusters(end - start))
            write_filled(self._descriptor, buffer, start, end, host)

    def _allocate(self, first: int, count: int) -> int:
        """Return where in the file ``count`` clusters of the disk go, from the ``first`` on."""
        with self._turn:
            host = self._used * CLUSTER
            self._used += count
            for number in range(first, first + count):
                table = self._tables.get(number // _PER_TABLE)
                if table is None:
                    table = self._tables[number // _PER_TABLE] = array("Q", bytes(CLUSTER))
                table[number % _PER_TABLE] = COPIED | (host + (number - first) * CLUSTER)
        return host

    def finish(self) -> None:
        l1 = array("Q", bytes(8 * self._l1_entries))
        for place, table in sorted(self._tables.items()):
            l1[place] = COPIED | (self._used * CLUSTER)
            self._append(_big_endian(table))
        blocks, table_clusters = _refcounts(self._used)
        block_offset = self._used * CLUSTER
        table_offset = block_offset + blocks * CLUSTER
        end = self._used + blocks + table_clusters
        counts = array("H", [1]) * end + array("H", bytes(2 * (blocks * _PER_REFCOUNT_BLOCK - end)))
        self._append(_big_endian(counts))
        self._append(_big_endian(array("Q", range(block_offset, table_offset, CLUSTER))))
        os.ftruncate(self._descriptor, end * CLUSTER)
        self._put(CLUSTER, _big_endian(l1))
        self._put(0, self._header(table_offset, table_clusters))

    def _append(self, data: bytes) -> None:
        self._put(self._used * CLUSTER, data)
        self._used += _clusters(len(data))

    def _put(self, offset: int, data: bytes) -> None:
        while data:
            done = os.pwrite(self._descriptor, data, offset)
            data, offset = data[done:], offset + done

    def _header(self, table_offset: int, table_clusters: int) -> bytes:
        names = b"".join(struct.pack(">BB46s", *one) for one in _NAMES)
        fields = struct.pack(">4sIQIIQIIQQIIQ", QCOW_MAGIC, 3, 0, 0, CLUSTER_BITS, self._size, 0,
                             self._l1_entries, CLUSTER, table_offset, table_clusters, 0, 0)  # fmt: skip
        more = struct.pack(">QQQII8x", 0, 0, 0, _REFCOUNT_ORDER, _HEADER_LENGTH)
        return fields + more + struct.pack(">II", _FEATURE_NAMES, len(names)) + names + bytes(8)


def _runs(buffer: bytearray, length: int) -> list[tuple[int, int]]:
    """Return where runs of clusters start and end in ``buffer[:length]`` that are not all zeros."""
    found: list[tuple[int, int]] = []
    for first, last in filled(buffer, 0, length):
        start, end = first // CLUSTER * CLUSTER, min(_clusters(last) * CLUSTER, length)
        if found and start <= found[-1][1]:
            start = found.pop()[0]
        found.append((start, end))
    return found


def _clusters(length: int) -> int:
    return -(-length // CLUSTER)


def _refcounts(used: int) -> tuple[int, int]:
    """Return how many refcount blocks, and clusters of their table, ``used`` clusters and they themselves need."""
    blocks, table = 0, 1
    while True:
        need = -(-(used + blocks + table) // _PER_REFCOUNT_BLOCK)
        if need == blocks:
            return blocks, table
        blocks, table = need, max(1, _clusters(need * 8))


def _big_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()
