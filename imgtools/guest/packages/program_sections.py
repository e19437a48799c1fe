"""The sections of a program, ELF or PE, by their names: where compilers leave what a program was built of.

Sources: the System V ABI, chapter 4 (/usr/include/elf.h); Microsoft's PE Format. Bounded: hostile headers cost a few
reads.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

MOST_SECTIONS = 2048  # programs have some 40; those of the kernel, which are none, more
MOST_NAMES = 1 << 20  # bytes of all names
FARTHEST = 1 << 40  # bytes: no program is larger


class Section(NamedTuple):
    """Where a section lies in the file, and where in memory."""

    offset: int
    size: int
    address: int


class Program(NamedTuple):
    """A program that is open, and its sections."""

    stream: BinaryIO
    sections: Mapping[str, Section]
    is_pe: bool = False

    def stream_at(self, offset: int, size: int) -> bytes:
        """Return bytes of the file; fewer behind its end."""
        return read_at(self.stream, offset, size)

    def read(self, name: str, limit: int) -> bytes:
        """Return the beginning of a section; nothing without one."""
        found = self.sections.get(name)
        return b"" if found is None else read_at(self.stream, found.offset, min(found.size, limit))

    def read_address(self, address: int, size: int) -> bytes:
        """Return what is at an address in memory; nothing if no section is there."""
        for one in self.sections.values():
            if one.address and one.address <= address and address + size <= one.address + one.size:
                return read_at(self.stream, one.offset + address - one.address, size)
        return b""


def read_at(stream: BinaryIO, offset: int, size: int) -> bytes:
    """Return bytes of a program; fewer behind its end."""
    if not 0 <= offset <= FARTHEST:
        return b""
    stream.seek(offset)
    return stream.read(size)


def read_program(stream: BinaryIO) -> Program | None:
    """Return a program's sections; None if it is none, or has none."""
    head = read_at(stream, 0, 64)
    if head[:4] == b"\x7fELF" and len(head) == 64:
        return _elf(stream, head)
    if head[:2] == b"MZ" and len(head) == 64:
        return _pe(stream, head)
    return None


def _elf(stream: BinaryIO, head: bytes) -> Program | None:
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    (at,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", head, 40 if wide else 32)
    length, count, names_at = struct.unpack_from(f"{order}HHH", head, 58 if wide else 46)
    layout = struct.Struct(f"{order}{'IIQQQQ' if wide else 'IIIIII'}")
    if not at or length < layout.size or not names_at < count <= MOST_SECTIONS:
        return None
    table = read_at(stream, at, length * count)
    if len(table) < length * count:
        return None
    rows = [layout.unpack_from(table, start) for start in range(0, len(table), length)]
    _name, _kind, _flags, _address, offset, size = rows[names_at]
    names = read_at(stream, offset, min(size, MOST_NAMES))
    found: dict[str, Section] = {}
    for name, _kind, _flags, address, offset, size in rows:
        end = names.find(b"\0", name)
        if 0 <= name < end:
            found.setdefault(names[name:end].decode("ascii", "replace"), Section(offset, size, address))
    return Program(stream, found)


def _pe(stream: BinaryIO, head: bytes) -> Program | None:
    (at,) = struct.unpack_from("<I", head, 60)
    header = read_at(stream, at, 24)
    if header[:4] != b"PE\0\0" or len(header) < 24:
        return None
    _machine, count = struct.unpack_from("<HH", header, 4)
    (optional,) = struct.unpack_from("<H", header, 20)
    table = read_at(stream, at + 24 + optional, min(count, MOST_SECTIONS) * 40)
    found: dict[str, Section] = {}
    for start in range(0, len(table) - 39, 40):
        name = table[start : start + 8].rstrip(b"\0").decode("ascii", "replace")
        _memory, address, size, offset = struct.unpack_from("<IIII", table, start + 8)
        found.setdefault(name, Section(offset, size, address))
    return Program(stream, found, is_pe=True)
