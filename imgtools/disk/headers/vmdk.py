"""VMware disks: sparse headers, text descriptors and the extents they name.

Sources: VMware's "Virtual Disk Format 5.0" and block/vmdk.c of QEMU, whose reading of descriptors is followed
to the letter: a name that QEMU would open and we would not see is a hole.
"""

from __future__ import annotations

import re
import struct
import sys
from array import array

from imgtools.disk.headers.header import Extent, Header, damaged, piece, spread
from imgtools.disk.headers.hostfile import HostFile
from imgtools.disk.headers.magic import COWD_MAGIC, SESPARSE_MAGIC, SPARSE_MAGIC
from imgtools.errors import BadImage

AT_END = 0xFFFFFFFFFFFFFFFF  # of gd_offset: the true header is a footer (stream-optimised)
USE_REDUNDANT, COMPRESSED = 1 << 1, 1 << 16
MAX_DESCRIPTOR = (1 << 20) - 1  # as QEMU reads it
PARENT_WINDOW = 20 * 512  # of the descriptor that QEMU searches for the parent's name
# A disk of 62 TB, VMware's largest, in extents of 2 GB has 31,744; far fewer already abort qemu-img 7.2.
MAX_EXTENTS = 1024
MAX_SECTORS = 1 << 54

# One extent line as scanf reads it: any white space, also a line break, stands between the words.
_EXTENT = re.compile(rb'RW\s+([+-]?\d{1,20})\s*([A-Z]{1,10})\s*"([^\n\r"]{1,511})"\s*([+-]?\d{1,20})?')
_KINDS = (b"FLAT", b"VMFS", b"SPARSE", b"VMFSSPARSE", b"SESPARSE")


def read_vmdk(file: HostFile, budget: int) -> Header:
    """Read a vmdk: a sparse file with its embedded descriptor, or a descriptor with its extents."""
    start = file.read(0, 8)
    if start[:4] == SPARSE_MAGIC:
        return _read_sparse(file, budget)
    if start[:4] == COWD_MAGIC:
        return _read_cowd(file)
    if start == SESPARSE_MAGIC:
        raise _alone(file, "seSparse")
    return _read_descriptor(file, _text(file.read(0, min(file.size, MAX_DESCRIPTOR))))


def read_sparse_extent(file: HostFile, budget: int) -> Header:
    """Read the header of a sparse extent. An extent that would bring a descriptor of its own is refused."""
    start = file.read(0, 8)
    if start[:4] == COWD_MAGIC:
        return _read_cowd(file)
    if start[:4] == SPARSE_MAGIC:
        if int.from_bytes(piece(file, 12, 8, "header"), "little") == 0:
            raise damaged(file, "an extent that holds a descriptor instead of data")
        return _read_sparse(file, budget, is_extent=True)
    if start == SESPARSE_MAGIC:
        return Header("vmdk", 0)
    raise damaged(file, "not a sparse vmdk extent")


def _text(data: bytes) -> bytes:
    """A descriptor ends at its first NUL, as a C string does."""
    return data.partition(b"\0")[0]


def _read_descriptor(file: HostFile, text: bytes) -> Header:
    extents: list[Extent] = []
    sectors = 0
    for number, kind, name, offset in _EXTENT.findall(text):
        count = int(number)
        if kind not in _KINDS or count <= 0:
            continue
        if len(extents) == MAX_EXTENTS:
            raise damaged(file, f"more than {MAX_EXTENTS} extents")
        skip = int(offset or 0)
        if count > MAX_SECTORS or not 0 <= skip <= MAX_SECTORS:
            raise damaged(file, f"an extent of {count} sectors")
        needs = (count + skip) * 512 if kind in (b"FLAT", b"VMFS") else 0
        extents.append(Extent(name, kind.decode(), needs))
        sectors += count
    if not extents:
        raise damaged(file, "a vmdk descriptor that names no extent")
    return Header("vmdk", sectors * 512, backing=_parent(file, text), extents=tuple(extents))


def _parent(file: HostFile, text: bytes) -> bytes:
    """Return the parent's name as ``vmdk_parent_open`` finds it, or nothing."""
    word = b"parentFileNameHint"
    at = text.find(word)
    if at < 0:
        return b""
    name, quote, _ = text[at + len(word) + 2 :].partition(b'"')
    if not quote or len(name) > 1023:
        raise damaged(file, "a parent file name without its end")
    return name


def _read_sparse(file: HostFile, budget: int, *, is_extent: bool = False) -> Header:
    names = "<IIQQQQIQQQB4sH"
    head = struct.unpack_from(names, piece(file, 0, 512, "header"), 4)
    capacity, descriptor_at = head[2], head[4]
    if capacity == 0:
        # QEMU then obeys the embedded descriptor, wherever its extents lead.
        if not 0 < descriptor_at <= MAX_SECTORS:
            raise damaged(file, "a sparse vmdk of no size")
        return _read_descriptor(file, _text(file.read(descriptor_at * 512, MAX_DESCRIPTOR)))
    if head[8] == AT_END:
        footer = file.read(file.size - 1024, 512)
        if footer[:4] != SPARSE_MAGIC:
            raise damaged(file, "truncated: a stream-optimised vmdk without its footer")
        head = struct.unpack_from(names, footer, 4)
    needs = _SparseTables(file, head, budget).find_end()
    text = _text(file.read(512, PARENT_WINDOW))
    if not is_extent and b"CID=" not in text:  # as vmdk_read_cid in block/vmdk.c finds it
        raise _alone(file, "sparse")
    return Header(format="vmdk", virtual_size=capacity * 512, needs=needs, backing=_parent(file, text))


def _alone(file: HostFile, kind: str) -> BadImage:
    """The error for a part of a disk that is given as if it were the disk."""
    name = file.host_path.name
    descriptor = re.sub(r"-(s\d{3,}|sesparse|delta)(?=\.vmdk$)", "", name)
    beside = descriptor != name and file.host_path.with_name(descriptor).is_file()
    return BadImage(
        f"{file.name} is a {kind} extent, a part of a VMDK disk",
        hint=f"give the disk's descriptor file: {descriptor if beside else 'a small .vmdk that names it'}",
    )


class _SparseTables:
    """The grain directory and tables of one sparse file."""

    def __init__(self, file: HostFile, head: tuple[int, ...], budget: int) -> None:
        self._file = file
        self._budget = budget
        _, flags, self._capacity, self._grain, _, _, self._per_table, redundant, directory = head[:9]
        self._compressed = bool(flags & COMPRESSED)
        # block/vmdk.c refuses larger ones.
        if not 1 <= self._grain <= 0x200000 or not 1 <= self._per_table <= 512:
            raise damaged(file, "impossible header fields")
        self._directory = redundant if flags & USE_REDUNDANT and redundant else directory
        self._tables = -(-self._capacity // (self._grain * self._per_table))
        if self._tables * 4 > 32 << 20 or self._directory > MAX_SECTORS:
            raise damaged(file, f"grain directory of {self._tables} entries")

    def find_end(self) -> int:
        """Return the length that the file must have."""
        needs = self._directory * 512 + self._tables * 4
        if needs > self._file.size:
            return needs
        tables = _words(self._file.read(self._directory * 512, min(self._tables * 4, self._budget // 4 * 4)))
        last = max(tables, default=0)
        if last > 1:
            needs = max(needs, last * 512 + self._per_table * 4)
        if needs > self._file.size:
            return needs
        used = array("I", (index for index, sector in enumerate(tables) if sector > 1))
        for place in spread(len(used), max(1, self._budget // (self._per_table * 4))):
            needs = max(needs, self._last_grain(used[place], tables[used[place]]))
        return needs

    def _last_grain(self, index: int, sector: int) -> int:
        """Return where the last grain that one table names ends."""
        grains = _words(self._file.read(sector * 512, self._per_table * 4))
        last = max(grains, default=0)
        if last <= 1:
            return 0
        number = index * self._per_table + grains.index(last)
        whole = not self._compressed and (number + 1) * self._grain <= self._capacity
        return last * 512 + (self._grain * 512 if whole else 1)


def _read_cowd(file: HostFile) -> Header:
    """Read an ESX sparse extent (version 3 of the format)."""
    fields = struct.unpack_from("<IIIIII", piece(file, 0, 512, "header"), 4)
    _, _, sectors, grain, directory, entries = fields
    if not grain or directory * 512 + entries * 4 > file.size:
        raise damaged(file, "impossible header fields, or truncated")
    return Header("vmdk", sectors * 512, backing=_parent(file, _text(file.read(512, PARENT_WINDOW))))


def _words(data: bytes) -> array[int]:
    words = array("I", data[: len(data) // 4 * 4])
    if sys.byteorder == "big":
        words.byteswap()
    return words
