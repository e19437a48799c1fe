"""Directories of NTFS: an index of names, in the record itself and in blocks of its own.

libfsntfs does not list a directory of which one entry is damaged, leaves out names that lead nowhere, and tells no
short names. Source: ntfs-3g, include/ntfs-3g/layout.h (INDEX_ROOT, INDEX_BLOCK, INDEX_ENTRY, FILE_NAME_ATTR). All is
little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.filesystems.ntfs.record import apply_fixups

FILE_NAME = 0x30  # what the names are indexed by
LAST_ENTRY = 2  # INDEX_ENTRY_END
NAME_AT = 82  # of an entry: 16 of its own, then a FILE_NAME_ATTR whose name begins after 66
DOS = 2  # FILE_NAME_DOS: the short name of a file that has another


class BadIndex(Exception):
    """The index does not hold together."""


class IndexEntry(NamedTuple):
    """One name: the reference of its file (48 bits of record, 16 of sequence), and its namespace."""

    name: str
    reference: int
    namespace: int

    @property
    def is_short(self) -> bool:
        """Whether it is the 8.3 name beside a longer one."""
        return self.namespace == DOS


def parse_root(value: bytes) -> tuple[int, Iterator[IndexEntry]]:
    """Read an INDEX_ROOT: the size of the blocks that belong to it, and the entries that are in itself.

    :raises BadIndex: it is cut, or no index of names.
    """
    if len(value) < 32:
        raise BadIndex("an index without its header")
    kind, _collation, size = struct.unpack_from("<III", value)
    if kind != FILE_NAME or not 512 <= size <= 65536 or size & size - 1:
        raise BadIndex(f"an index of type {kind:#x} with blocks of {size} bytes")
    return size, _entries(value, 16)


def parse_block(raw: bytes) -> Iterator[IndexEntry]:
    """Yield the entries of an INDEX_BLOCK.

    :raises BadIndex: it is torn, or none.
    """
    whole = apply_fixups(raw)
    if whole is None or whole[:4] != b"INDX":
        raise BadIndex("a block without its magic number, or torn")
    return _entries(whole, 24)


def _entries(raw: bytes, header: int) -> Iterator[IndexEntry]:
    """The entries behind an INDEX_HEADER; places in it count from itself."""
    first, length = struct.unpack_from("<II", raw, header)
    at, end = header + first, header + length
    if end > len(raw):
        raise BadIndex("entries beyond the end")
    while at + 16 <= end:
        reference, size, key, flags = struct.unpack_from("<QHHH", raw, at)
        if flags & LAST_ENTRY:
            return
        if size < NAME_AT + 2 or at + size > end or key + 16 > size:
            raise BadIndex(f"an entry of {size} bytes")
        letters, namespace = raw[at + NAME_AT - 2], raw[at + NAME_AT - 1]
        if letters * 2 + NAME_AT - 16 > key:
            raise BadIndex(f"a name of {letters} letters in {key} bytes")
        yield IndexEntry(decode_name(raw[at + NAME_AT : at + NAME_AT + letters * 2]), reference, namespace)
        at += size
    raise BadIndex("no last entry")


def decode_name(raw: bytes) -> str:
    """A name in UTF-16; half a pair is three bytes that are no UTF-8, as ntfs-3g shows it."""
    text = raw.decode("utf-16-le", "surrogatepass")
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
