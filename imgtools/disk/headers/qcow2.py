"""qcow2 (versions 2 and 3) headers. Source: docs/interop/qcow2.txt of QEMU."""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from imgtools.disk.headers.header import Header, damaged, piece, spread
from imgtools.disk.headers.hostfile import HostFile

if TYPE_CHECKING:
    from imgtools.records.snapshots import Snapshot

MAX_NAME = 1023  # of backing and data files, as in block/qcow2.c

# Incompatible features, bits of the 64-bit word at byte 72.
DIRTY, CORRUPT, DATA_FILE, COMPRESSION, EXTENDED_L2 = 1, 2, 4, 8, 16

# Types of header extensions.
BACKING_FORMAT, DATA_FILE_NAME, CRYPTO_HEADER = 0xE2792ACA, 0x44415441, 0x0537BE77

OFFSET_MASK = 0x00FFFFFFFFFFFE00  # of first-level, second-level and refcount table entries
COMPRESSED = 1 << 62
COPIED = 1 << 63
READS_ZERO = 1

# Bounds of block/qcow2.h; an image beyond them does not open in QEMU either.
MAX_L1_BYTES = 32 << 20
MAX_REFCOUNT_TABLE_BYTES = 8 << 20
MAX_SNAPSHOTS = 65536
MAX_SNAPSHOT_BYTES = 16 << 20


class _Fields(NamedTuple):
    """The fixed part of the header, in the words of the specification."""

    version: int
    backing_file_offset: int
    backing_file_size: int
    cluster_bits: int
    size: int
    crypt_method: int
    l1_size: int
    l1_table_offset: int
    refcount_table_offset: int
    refcount_table_clusters: int
    nb_snapshots: int
    snapshots_offset: int
    incompatible: int
    refcount_order: int
    header_length: int

    @property
    def cluster_size(self) -> int:
        return 1 << self.cluster_bits


def read_qcow2(file: HostFile, budget: int) -> Header:
    """Read a qcow2 header with its extensions and snapshots, and how long the file has to be.

    :param budget: bytes of second-level tables to read at most.
    :raises BadImage: the header is cut or contradicts itself.
    """
    fields = _fields(file)
    extensions = _extensions(file, fields)
    if fields.crypt_method > 2:
        raise damaged(file, f"unknown encryption method {fields.crypt_method}")
    if fields.crypt_method == 2 and CRYPTO_HEADER not in extensions:
        # qemu-img 7.2 crashes on this one.
        raise damaged(file, "LUKS encryption without its header")
    needs, problems = _Tables(file, fields, budget).find_end()
    snapshots, overhang = read_snapshots(file, fields.nb_snapshots, fields.snapshots_offset)
    return Header(
        format="qcow2",
        virtual_size=fields.size,
        needs=needs,
        backing=_backing_name(file, fields),
        backing_format=extensions.get(BACKING_FORMAT, b"").decode("latin-1"),
        data_file=_data_file(file, fields, extensions),
        encryption=("", "aes", "luks")[fields.crypt_method],
        dirty=bool(fields.incompatible & DIRTY),
        snapshots=snapshots,
        problems=problems,
        to_repair=overhang,
    )


def _fields(file: HostFile) -> _Fields:
    head = piece(file, 0, 72, "header")
    first = struct.unpack_from(">IQIIQIIQQIIQ", head, 4)
    version, cluster_bits = first[0], first[3]
    if version not in (2, 3):
        raise damaged(file, f"unknown qcow2 version {version}")
    if not 9 <= cluster_bits <= 21:
        raise damaged(file, f"impossible cluster size of 2^{cluster_bits} bytes")
    more: tuple[int, ...] = (0, 4, 72)  # incompatible features, refcount order, length of the header
    if version == 3:
        more = struct.unpack(">Q16xII", piece(file, 72, 32, "header"))
    fields = _Fields(*first, *more)
    if fields.refcount_order > 6 or not 72 <= fields.header_length <= fields.cluster_size:
        raise damaged(file, "impossible header fields")
    if fields.l1_size * 8 > MAX_L1_BYTES:
        raise damaged(file, f"first-level table of {fields.l1_size} entries")
    if fields.refcount_table_clusters << cluster_bits > MAX_REFCOUNT_TABLE_BYTES:
        raise damaged(file, f"refcount table of {fields.refcount_table_clusters} clusters")
    return fields


def _backing_name(file: HostFile, fields: _Fields) -> bytes:
    if not fields.backing_file_offset:
        return b""
    if fields.backing_file_size > MAX_NAME or fields.backing_file_offset > fields.cluster_size:
        raise damaged(file, f"backing file name of {fields.backing_file_size} bytes")
    return piece(file, fields.backing_file_offset, fields.backing_file_size, "backing file name")


def _extensions(file: HostFile, fields: _Fields) -> dict[int, bytes]:
    """Return the header extensions by type; only those that fit in the first cluster count."""
    end = fields.backing_file_offset or fields.cluster_size
    end = min(end, fields.cluster_size)
    area = file.read(fields.header_length, max(0, end - fields.header_length))
    found: dict[int, bytes] = {}
    position = 0
    while position + 8 <= len(area):
        kind, length = struct.unpack_from(">II", area, position)
        if kind == 0:
            break
        if length > len(area) - position - 8:
            raise damaged(file, f"header extension of {length} bytes")
        # QEMU lets a later extension of the same type win.
        found[kind] = area[position + 8 : position + 8 + length]
        position += 8 + (length + 7) // 8 * 8
    return found


def _data_file(file: HostFile, fields: _Fields, extensions: dict[int, bytes]) -> bytes:
    if not fields.incompatible & DATA_FILE:
        return b""
    name = extensions.get(DATA_FILE_NAME, b"")
    if not name:
        raise damaged(file, "external data file without a name")
    return name


def read_snapshots(file: HostFile, count: int, offset: int) -> tuple[tuple[Snapshot, ...], str]:
    """Return the internal snapshots, with the size that the disk had when each was made, and what is wrong with them.

    QEMU opens no image with more snapshots than it allows, or than the table holds; its check takes the rest away.
    """
    if count == 0:
        return (), ""
    from imgtools.records.snapshots import Snapshot

    table = file.read(offset, min(MAX_SNAPSHOT_BYTES, count * 2048))
    found: list[Snapshot] = []
    position, wrong = 0, f"{count} internal snapshots are too many" if count > MAX_SNAPSHOTS else ""
    for _ in range(min(count, MAX_SNAPSHOTS)):
        if position + 40 > len(table):
            wrong = f"its snapshot table holds {len(found)} of {count} snapshots"
            break
        (_, _, id_size, name_size, seconds, nanoseconds, _, vm_state, extra_size) = struct.unpack_from(
            ">QIHHIIQII", table, position
        )
        extra = table[position + 40 : position + 40 + extra_size]
        names = position + 40 + extra_size
        identifier = table[names : names + id_size]
        name = table[names + id_size : names + id_size + name_size]
        large_state, size = vm_state, None
        if len(extra) >= 16:
            large_state, size = struct.unpack_from(">QQ", extra)
        found.append(
            Snapshot(
                id=identifier.decode("utf-8", "surrogateescape"),
                name=name.decode("utf-8", "surrogateescape"),
                time=seconds * 10**9 + nanoseconds,
                vm_state_size=large_state,
                virtual_size=size,
            )
        )
        position = (names + id_size + name_size + 7) // 8 * 8
    return tuple(found), wrong


class _Tables:
    """The allocation tables, read as far as it takes to see that the file has been cut."""

    def __init__(self, file: HostFile, fields: _Fields, budget: int) -> None:
        self._file = file
        self._fields = fields
        self._budget = budget

    def find_end(self) -> tuple[int, tuple[str, ...]]:
        """Return the length that the file must have, and what looks odd without being a cut."""
        fields = self._fields
        needs = [fields.l1_table_offset + fields.l1_size * 8 if fields.l1_size else 0]
        needs.append(fields.refcount_table_offset + 1)
        needs.append(fields.snapshots_offset + 1 if fields.nb_snapshots else 0)
        if max(needs) > self._file.size:
            return max(needs), ()
        tables = self._second_level_tables()
        needs.append(max(tables, default=-fields.cluster_size) + fields.cluster_size)
        if max(needs) > self._file.size or fields.incompatible & DATA_FILE:
            return max(needs), ()  # with an external data file the clusters are in that file
        counted = self._last_counted_cluster()
        if counted < self._file.size:
            return max(*needs, self._last_named_cluster(tables, self._budget)), ()
        # Counted clusters past the end are a cut if a table names them, else only leaked by a crash.
        needs.append(self._last_named_cluster(tables, max(self._budget, 64 << 20)))
        return max(needs), (f"its reference counts name clusters past its end, byte {self._file.size}",)

    def _second_level_tables(self) -> list[int]:
        # One entry stands for 512 MB of a disk with usual clusters: the bound is reached at some 30 TB.
        length = min(self._fields.l1_size * 8, self._budget)
        data = self._file.read(self._fields.l1_table_offset, length)
        return [offset for entry in _words(data) if (offset := entry & OFFSET_MASK)]

    def _last_counted_cluster(self) -> int:
        """Return the offset of the last cluster whose reference count is not zero."""
        fields = self._fields
        table = self._file.read(
            fields.refcount_table_offset, fields.refcount_table_clusters << fields.cluster_bits
        )
        table = table[: len(table) // 8 * 8].rstrip(b"\0")
        last = (len(table) - 1) // 8 if table else -1
        if last < 0:
            return 0
        block = int.from_bytes(table[last * 8 : last * 8 + 8].ljust(8, b"\0"), "big") & OFFSET_MASK
        if block >= self._file.size:
            return block
        counts = self._file.read(block, fields.cluster_size).rstrip(b"\0")
        per_block = fields.cluster_size * 8 >> fields.refcount_order
        index = (len(counts) * 8 - 1) >> fields.refcount_order if counts else 0
        if fields.refcount_order < 3 and counts:
            # Counts smaller than a byte: the least significant bits of a byte come first.
            index = ((len(counts) - 1) * 8 + counts[-1].bit_length() - 1) >> fields.refcount_order
        return (last * per_block + index) << fields.cluster_bits

    def _last_named_cluster(self, tables: list[int], budget: int) -> int:
        """Return the byte behind the start of the last data cluster that the tables read name."""
        size = self._fields.cluster_size
        last = 0
        for index in spread(len(tables), max(1, budget // size)):
            last = max(last, self._last_in_table(self._file.read(tables[index], size)))
        return last

    def _last_in_table(self, data: bytes) -> int:
        """Return the start, plus one, of the last cluster that one second-level table names.

        Sorting is quicker than looking at each entry in Python; entries mostly ascend already.
        """
        words = _words(data)
        entries = sorted(words[::2] if self._fields.incompatible & EXTENDED_L2 else words)
        plain = bisect_left(entries, COMPRESSED)
        packed = bisect_left(entries, COPIED)
        copied = bisect_left(entries, COPIED | COMPRESSED)
        last = 0
        for group in (entries[:plain], entries[packed:copied]):
            last = max(last, self._last_offset(group))
        if packed > plain:
            bits = 62 - (self._fields.cluster_bits - 8)
            last = max(last, max(entry & ((1 << bits) - 1) for entry in entries[plain:packed]) + 1)
        return last

    def _last_offset(self, ascending: list[int]) -> int:
        """Return the last offset plus one; clusters that read as zeros need not be there."""
        for entry in reversed(ascending):
            offset = entry & OFFSET_MASK
            if offset < self._file.size:
                return offset + 1 if offset else 0
            if not entry & READS_ZERO:
                return offset + 1
        return 0


def _words(data: bytes) -> array[int]:
    """Return the big-endian 64-bit words of ``data``."""
    words = array("Q", data[: len(data) // 8 * 8])
    if sys.byteorder == "little":
        words.byteswap()
    return words
