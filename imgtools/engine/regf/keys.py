"""Keys and values of a hive as their cells hold them: key nodes, lists of subkeys, values, and long data."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.engine.regf.cells import NOTHING, Cells

KEY = struct.Struct("<2sHQIIIIIIIIIIIIIIIHH")  # "Key node", up to the name
VALUE = struct.Struct("<2sHIIIHH")  # "Key value", up to the name
COMPRESSED_KEY, COMPRESSED_VALUE = 0x20, 1  # flags: the name is Latin-1, not UTF-16
RESIDENT = 0x80000000  # in a value's size: its data is where else the offset of the data is
LARGEST_PIECE = 16344  # bytes of data in one cell, from version 1.4 on ("Big data")
LONG_SINCE = 4  # the minor version from which on longer data is cut into pieces
HASHES_SINCE = 5  # ... and from which on lists of subkeys have hashes ("Hash leaf")
MOST_IN_LEAF = 507  # entries of a list of subkeys that fits a page, as Windows cuts them
MAX_SUBKEYS = 1 << 24
MAX_DATA = 64 << 20  # bytes of one value
MAX_DEPTH = 512  # "Registry element size limits" (learn.microsoft.com)


def folded(name: str) -> str:
    """A name as Windows compares it: each letter by itself in upper case, where that has one small letter only.

    (Its table has pairs: a long s, a dotless i and the micro sign are letters of their own.)
    """
    if name.isascii():
        return name.upper()
    return "".join(upper if (upper := letter.upper()).lower() == letter else letter for letter in name)


def order_of(name: str) -> bytes:
    """What subkeys are sorted by: the UTF-16 of the name in upper case."""
    return folded(name).encode("utf-16-be", "surrogatepass")


def is_latin(name: str) -> bool:
    """Whether a new name is stored in Latin-1, as Windows does it where it can.

    The bytes from 0x80 to 0x9f are avoided: Windows reads them as Latin-1, some readers as code page 1252.
    """
    return all(letter < "\x80" or "\xa0" <= letter <= "\xff" for letter in name)


def pack_name(name: str, *, latin: bool) -> bytes:
    """Return a name as it is stored."""
    return name.encode("latin-1") if latin else name.encode("utf-16-le", "surrogatepass")


def unpack_name(raw: bytes, *, latin: bool) -> str:
    """Return a name that is stored so; lone surrogates stay what they are."""
    return raw.decode("latin-1") if latin else raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass")


@dataclass(slots=True)
class KeyNode:
    """One key node ("nk"), with its fields as the specification names them; offsets are those of cells."""

    flags: int
    written: int
    access: int
    parent: int
    subkeys: int
    volatile: int
    list: int
    volatile_list: int
    values: int
    value_list: int
    security: int
    class_name: int
    longest_subkey: int
    longest_class: int
    longest_value: int
    longest_data: int
    work: int
    class_length: int
    name: str

    @classmethod
    def read(cls, cells: Cells, offset: int) -> KeyNode:
        """Read the node in a cell.

        :raises OddGuest: there is none.
        """
        raw = cells.read(offset, KEY.size)
        mark, flags, *fields = KEY.unpack_from(raw)
        *numbers, length, class_length = fields
        if mark != b"nk" or KEY.size + length > len(raw):
            raise cells.damaged(f"its key at {offset}")
        name = unpack_name(raw[KEY.size : KEY.size + length], latin=bool(flags & COMPRESSED_KEY))
        return cls(*(flags, *numbers, class_length, name))

    def pack(self) -> bytes:
        """Return the node as its cell holds it."""
        name = pack_name(self.name, latin=bool(self.flags & COMPRESSED_KEY))
        return (
            KEY.pack(
                b"nk", self.flags, self.written, self.access, self.parent, self.subkeys, self.volatile, self.list,
                self.volatile_list, self.values, self.value_list, self.security, self.class_name,
                self.longest_subkey, self.longest_class, self.longest_value, self.longest_data, self.work,
                len(name), self.class_length,
            ) + name
        )  # fmt: skip


# -- lists of subkeys ------------------------------------------------------------------------------------------


def read_subkeys(cells: Cells, offset: int, count: int) -> tuple[list[int], list[int]]:
    """Return the cells of a key's subkeys in their order, and the cells that the list itself takes.

    :raises OddGuest: it is damaged, or has another number of entries than the key says.
    """
    found: list[int] = []
    taken: list[int] = []
    todo = [offset] if offset != NOTHING else []
    while todo:
        here = todo.pop()
        if here in taken or len(taken) > MAX_SUBKEYS // MOST_IN_LEAF or len(found) > count:
            raise cells.damaged(f"its list of subkeys at {offset}")
        taken.append(here)
        raw = cells.read(here, 4)
        mark, length = struct.unpack_from("<2sH", raw)
        width = {b"li": 4, b"ri": 4, b"lf": 8, b"lh": 8}.get(mark, 0)
        if not width or 4 + length * width > len(raw):
            raise cells.damaged(f"its list of subkeys at {here}")
        entries = [struct.unpack_from("<I", raw, 4 + index * width)[0] for index in range(length)]
        if mark == b"ri":
            todo.extend(reversed(entries))
        else:
            found += entries
    if len(found) != count:
        raise cells.damaged(f"its list of subkeys at {offset}")
    return found, taken


def write_subkeys(cells: Cells, subkeys: Sequence[tuple[str, int]]) -> int:
    """Write the list of a key's subkeys, names with cells in their order; return its cell."""
    if not subkeys:
        return NOTHING
    pieces = [subkeys[at : at + MOST_IN_LEAF] for at in range(0, len(subkeys), MOST_IN_LEAF)]
    leaves = [cells.add(_leaf(cells, piece)) for piece in pieces]
    if len(leaves) == 1:
        return leaves[0]
    return cells.add(struct.pack("<2sH", b"ri", len(leaves)) + struct.pack(f"<{len(leaves)}I", *leaves))


def _leaf(cells: Cells, subkeys: Sequence[tuple[str, int]]) -> bytes:
    hashed = cells.minor >= HASHES_SINCE
    entries = (
        struct.pack("<II", offset, name_hash(name)) if hashed else struct.pack("<I4s", offset, _hint(name))
        for name, offset in subkeys
    )
    return struct.pack("<2sH", b"lh" if hashed else b"lf", len(subkeys)) + b"".join(entries)


def name_hash(name: str) -> int:
    """The hash of a name in a hash leaf: of its UTF-16 in upper case, each unit added to 37 times what was before."""
    total = 0
    for (unit,) in struct.iter_unpack(">H", order_of(name)):
        total = (total * 37 + unit) & 0xFFFFFFFF
    return total


def _hint(name: str) -> bytes:
    """The first four characters of a name in a fast leaf; none for a name that is not Latin-1."""
    return pack_name(name[:4], latin=True) if is_latin(name) else b""


# -- values ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ValueCell:
    """One value ("vk"): its name, its type, and where its data is."""

    name: str
    type: int
    size: int
    data: int  # the data itself, if it is resident, else its cell
    latin: bool  # how the name is stored

    @classmethod
    def read(cls, cells: Cells, offset: int) -> ValueCell:
        """Read the value in a cell.

        :raises OddGuest: there is none.
        """
        raw = cells.read(offset, VALUE.size)
        mark, length, size, data, type_, flags, _ = VALUE.unpack_from(raw)
        if mark != b"vk" or VALUE.size + length > len(raw):
            raise cells.damaged(f"its value at {offset}")
        latin = bool(flags & COMPRESSED_VALUE)
        return cls(unpack_name(raw[VALUE.size : VALUE.size + length], latin=latin), type_, size, data, latin)

    def pack(self) -> bytes:
        """Return the value as its cell holds it."""
        name, flags = pack_name(self.name, latin=self.latin), COMPRESSED_VALUE if self.latin else 0
        return VALUE.pack(b"vk", len(name), self.size, self.data, self.type, flags, 0) + name

    def read_data(self, cells: Cells) -> bytes:
        """Return the data.

        :raises OddGuest: it is damaged.
        """
        size = self.size & ~RESIDENT
        if self.size & RESIDENT:
            return struct.pack("<I", self.data)[: min(size, 4)]
        if not size:
            return b""
        if size > MAX_DATA:
            raise cells.damaged(f"the data of its value {self.name!r}")
        if not self.is_long(cells):
            return cells.read(self.data, size)[:size]
        pieces = b"".join(
            cells.read(piece, min(LARGEST_PIECE, size - LARGEST_PIECE * index))[:LARGEST_PIECE]
            for index, piece in enumerate(self._pieces(cells))
        )
        return pieces[:size]

    def is_long(self, cells: Cells) -> bool:
        """Whether the data is cut into pieces ("db")."""
        return cells.minor >= LONG_SINCE and self.size & ~RESIDENT > LARGEST_PIECE

    def _pieces(self, cells: Cells) -> tuple[int, ...]:
        raw = cells.read(self.data, 8)
        mark, count, listed = struct.unpack_from("<2sHI", raw)
        if mark != b"db" or count != -(-self.size // LARGEST_PIECE):
            raise cells.damaged(f"the data of its value {self.name!r}")
        return struct.unpack_from(f"<{count}I", cells.read(listed, 4 * count))

    def cells_of_data(self, cells: Cells) -> Iterator[int]:
        """Yield the cells that the data takes."""
        if self.size & RESIDENT or not self.size:
            return
        if self.is_long(cells):
            yield from self._pieces(cells)
            yield struct.unpack_from("<I", cells.read(self.data, 8), 4)[0]
        yield self.data


def write_data(cells: Cells, data: bytes) -> tuple[int, int]:
    """Store the data of a value; return its size and place as the value has them."""
    if len(data) <= 4:
        return len(data) | RESIDENT, int.from_bytes(data, "little")
    if cells.minor < LONG_SINCE or len(data) <= LARGEST_PIECE:
        return len(data), cells.add(data)
    # Each piece has four bytes more than it holds, as Windows leaves them.
    pieces = [
        cells.add(data[at : at + LARGEST_PIECE].ljust(LARGEST_PIECE + 4, b"\0"))
        for at in range(0, len(data), LARGEST_PIECE)
    ]
    listed = cells.add(struct.pack(f"<{len(pieces)}I", *pieces))
    return len(data), cells.add(struct.pack("<2sHI", b"db", len(pieces), listed))
