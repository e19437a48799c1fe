"""Changes of a hive: keys and values made, set and removed, in memory, and the whole written as Windows leaves it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from imgtools.engine.regf.cells import NOTHING, Cells
from imgtools.engine.regf.keys import (
    COMPRESSED_KEY,
    MAX_DEPTH,
    KeyNode,
    ValueCell,
    folded,
    is_latin,
    order_of,
    read_subkeys,
    write_data,
    write_subkeys,
)
from imgtools.engine.regf.rewrite import written_anew
from imgtools.engine.regf.security import forget_security, share_security
from imgtools.engine.regvalue import RegistryValue
from imgtools.errors import UsageError, shorten

# "Registry element size limits" (learn.microsoft.com): a key's name, a value's, and what every version takes.
MAX_KEY_NAME, MAX_VALUE_NAME, MAX_VALUE = 255, 16383, 1 << 20
LINK, NO_DELETE = 0x10, 0x08  # flags of a key
MOST_UNUSED = 4  # a hive is written anew when more than this part of it (a quarter) is free cells
SMALL = 64 << 10  # bytes of bins below which nobody minds what is free


@dataclass(slots=True)
class _Key:
    """A key that was looked at; subkeys and values are read when they are needed."""

    offset: int
    node: KeyNode
    above: _Key | None
    path: str
    is_changed: bool = False
    subkeys: dict[str, _Key | int] | None = (
        None  # by folded name: a key, or the cell of one that nobody looked at
    )
    names: dict[str, str] = field(default_factory=dict)
    list_cells: list[int] = field(default_factory=list)
    values: dict[str, int] | None = None  # by folded name: its cell
    has_new_subkeys: bool = False
    has_new_values: bool = False


class HiveEditor:
    """One hive that is changed. Paths begin below its root, with backslashes; "" is the root.

    :param hive: the whole file.
    :param name: its path in the guest, for messages.
    :param now: the time of the change, a FILETIME.
    :raises OddGuest: it is no hive, damaged, or was not closed cleanly.
    """

    def __init__(self, hive: bytes, name: str, now: int) -> None:
        self._cells = Cells(hive, name)
        self._now = now
        self._root = _Key(self._cells.root, KeyNode.read(self._cells, self._cells.root), None, "")
        self._changed = False

    # -- what is there -------------------------------------------------------------------------------------

    def value(self, path: str, name: str) -> RegistryValue | None:
        """Return a value; None if it, or the key, is not there."""
        key = self._find(path)
        offset = None if key is None else self._values(key).get(folded(name))
        if offset is None:
            return None
        found = ValueCell.read(self._cells, offset)
        return RegistryValue(found.name, found.type, found.read_data(self._cells))

    def values(self, path: str) -> tuple[RegistryValue, ...]:
        """Return all values of a key, none of one that is not there."""
        key = self._find(path)
        cells = () if key is None else self._values(key).values()
        found = [ValueCell.read(self._cells, offset) for offset in cells]
        return tuple(RegistryValue(one.name, one.type, one.read_data(self._cells)) for one in found)

    def has_key(self, path: str) -> bool:
        """Whether there is such a key."""
        return self._find(path) is not None

    def subkeys(self, path: str) -> tuple[str, ...]:
        """Return the names of the keys right below a key, none of one that is not there."""
        key = self._find(path)
        if key is None:
            return ()
        return tuple(self._name(key, folded_name) for folded_name in self._subkeys(key))

    def nearest(self, path: str) -> str:
        """Return as much of a path as is there, as the hive spells it."""
        here = self._root
        for part in _parts(path):
            below = self._below(here, part)
            if below is None:
                break
            here = below
        return here.path

    # -- changes -------------------------------------------------------------------------------------------

    def make_key(self, path: str) -> None:
        """Make a key with its missing parents; they take the security of the one above.

        :raises UsageError: the name is none, or it would be too deep.
        """
        self._made(path)

    def set_value(self, path: str, name: str, type_: int, data: bytes) -> None:
        """Set a value; its key is made if it is missing. One that is so already is left alone.

        :raises UsageError: the name or the data is longer than Windows takes.
        """
        if len(name.encode("utf-16-le", "surrogatepass")) // 2 > MAX_VALUE_NAME or "\0" in name:
            raise UsageError(f"not a name of a registry value: {shorten(name)!r}")
        if len(data) > MAX_VALUE:
            raise UsageError(
                f"{len(data)} bytes for {shorten(name) or '@'}: every Windows takes at most {MAX_VALUE}",
                hint="put a file into the guest, and its name into the registry",
            )
        key = self._made(path)
        offset = self._values(key).get(folded(name))
        if offset is None:
            self._add_value(key, name, type_, data)
        else:
            self._change_value(key, offset, type_, data)

    def remove_value(self, path: str, name: str) -> bool:
        """Remove a value; return whether it was there."""
        key = self._find(path)
        offset = None if key is None else self._values(key).pop(folded(name), None)
        if key is None or offset is None:
            return False
        self._free_value(offset)
        key.has_new_values = True
        self._touch(key)
        return True

    def remove_key(self, path: str) -> bool:
        """Remove a key and everything below it; return whether it was there.

        :raises UsageError: it is the root of the hive.
        """
        key = self._find(path)
        if key is None:
            return False
        if key.above is None:
            raise UsageError(f"the root of a hive stays: {shorten(self._cells.name)}")
        for cell in tuple(self._cells_below(key)):
            self._cells.free(cell)
        above, name = key.above, folded(key.node.name)
        del self._subkeys(above)[name]
        above.names.pop(name, None)
        above.has_new_subkeys = True
        self._touch(above)
        return True

    def finish(self) -> bytes | None:
        """Return the hive as it is now; None if nothing was changed.

        One of which more than a quarter is unused is written anew.
        """
        if not self._changed:
            return None
        self._write_back()
        cells = self._cells
        if cells.size > SMALL and cells.unused * MOST_UNUSED > cells.size:
            cells = written_anew(cells)
        return cells.finish(self._now)

    # -- keys ----------------------------------------------------------------------------------------------

    def _find(self, path: str) -> _Key | None:
        here: _Key | None = self._root
        for part in _parts(path):
            here = None if here is None else self._below(here, part)
        return here

    def _below(self, key: _Key, name: str) -> _Key | None:
        subkeys = self._subkeys(key)
        found = subkeys.get(folded(name))
        if isinstance(found, int):
            node = KeyNode.read(self._cells, found)
            found = _Key(found, node, key, _join(key.path, node.name))
            subkeys[folded(name)] = found
        return found

    def _subkeys(self, key: _Key) -> dict[str, _Key | int]:
        if key.subkeys is None:
            offsets, key.list_cells = read_subkeys(self._cells, key.node.list, key.node.subkeys)
            key.subkeys = {}
            for offset in offsets:
                name = KeyNode.read(self._cells, offset).name
                key.subkeys[folded(name)] = offset
                key.names[folded(name)] = name
            if len(key.subkeys) != len(offsets):
                raise self._cells.damaged(f"the list of subkeys of {key.path or 'its root'}")
        return key.subkeys

    @staticmethod
    def _name(key: _Key, name: str) -> str:
        return key.names[name]

    def _made(self, path: str) -> _Key:
        here = self._root
        parts = _parts(path)
        if len(parts) > MAX_DEPTH:
            raise UsageError(f"a key in {len(parts)} others: Windows takes at most {MAX_DEPTH}")
        for part in parts:
            here = self._below(here, part) or self._add_key(here, part)
        if here.node.flags & LINK:
            raise UsageError(
                f"{here.path} is a link to another key", hint="name the key that it leads to instead"
            )
        return here

    def _add_key(self, above: _Key, name: str) -> _Key:
        length = len(name.encode("utf-16-le", "surrogatepass")) // 2
        if length > MAX_KEY_NAME or "\0" in name:
            raise UsageError(f"not a name of a registry key: {shorten(name)!r}")
        security = above.node.security
        flags = COMPRESSED_KEY if is_latin(name) else 0
        node = KeyNode(
            flags, self._now, 0, above.offset, 0, 0, NOTHING, NOTHING, 0, NOTHING, security, NOTHING,
            0, 0, 0, 0, 0, 0, name,
        )  # fmt: skip
        key = _Key(self._cells.add(node.pack()), node, above, _join(above.path, name), subkeys={}, values={})
        share_security(self._cells, security)
        self._subkeys(above)[folded(name)] = key
        above.names[folded(name)] = name
        above.has_new_subkeys = True
        above.node.longest_subkey = _longer(above.node.longest_subkey, 2 * length)
        self._touch(above)
        self._touch(key)
        return key

    def _touch(self, key: _Key) -> None:
        key.node.written = self._now
        key.is_changed = self._changed = True

    def _cells_below(self, top: _Key) -> Iterator[int]:
        """Yield every cell of a key and what is below it; the security that they share is given back."""
        todo, seen = [top], {top.offset}
        while todo:
            key = todo.pop()
            for name in self._subkeys(key):
                below = self._below(key, name)
                if below is None or below.offset in seen:
                    raise self._cells.damaged(f"the list of subkeys of {key.path}")
                seen.add(below.offset)
                todo.append(below)
            for offset in self._values(key).values():
                yield from ValueCell.read(self._cells, offset).cells_of_data(self._cells)
                yield offset
            yield from key.list_cells
            yield from (one for one in (key.node.value_list, key.node.class_name) if one != NOTHING)
            yield key.offset
            forget_security(self._cells, key.node.security)

    # -- values --------------------------------------------------------------------------------------------

    def _values(self, key: _Key) -> dict[str, int]:
        if key.values is None:
            count = key.node.values
            raw = self._cells.read(key.node.value_list, 4 * count) if count else b""
            offsets: Sequence[int] = struct.unpack_from(f"<{count}I", raw) if count else ()
            key.values = {folded(ValueCell.read(self._cells, one).name): one for one in offsets}
            if len(key.values) != count:
                raise self._cells.damaged(f"the list of values of {key.path or 'its root'}")
        return key.values

    def _add_value(self, key: _Key, name: str, type_: int, data: bytes) -> None:
        size, place = write_data(self._cells, data)
        self._values(key)[folded(name)] = self._cells.add(
            ValueCell(name, type_, size, place, is_latin(name)).pack()
        )
        key.has_new_values = True
        self._note_lengths(key, name, data)

    def _change_value(self, key: _Key, offset: int, type_: int, data: bytes) -> None:
        old = ValueCell.read(self._cells, offset)
        if old.type == type_ and old.read_data(self._cells) == data:
            return
        for cell in tuple(old.cells_of_data(self._cells)):
            self._cells.free(cell)
        old.type, (old.size, old.data) = type_, write_data(self._cells, data)
        self._cells.write(offset, old.pack())
        self._note_lengths(key, old.name, data)

    def _note_lengths(self, key: _Key, name: str, data: bytes) -> None:
        length = len(name.encode("utf-16-le", "surrogatepass"))
        key.node.longest_value = max(key.node.longest_value, length)
        key.node.longest_data = max(key.node.longest_data, len(data))
        self._touch(key)

    def _free_value(self, offset: int) -> None:
        for cell in tuple(ValueCell.read(self._cells, offset).cells_of_data(self._cells)):
            self._cells.free(cell)
        self._cells.free(offset)

    # -- back into the cells -------------------------------------------------------------------------------

    def _write_back(self) -> None:
        todo = [self._root]
        while todo:
            key = todo.pop()
            if key.has_new_subkeys:
                self._write_list(key)
            if key.has_new_values:
                self._write_value_list(key)
            if key.is_changed:
                self._cells.write(key.offset, key.node.pack())
            todo += [one for one in (key.subkeys or {}).values() if isinstance(one, _Key)]

    def _write_list(self, key: _Key) -> None:
        for cell in key.list_cells:
            self._cells.free(cell)
        subkeys = [
            (key.names[name], one.offset if isinstance(one, _Key) else one)
            for name, one in self._subkeys(key).items()
        ]
        subkeys.sort(key=lambda one: order_of(one[0]))
        key.node.list = write_subkeys(self._cells, subkeys)
        key.node.subkeys = len(subkeys)

    def _write_value_list(self, key: _Key) -> None:
        if key.node.value_list != NOTHING and key.node.values:
            self._cells.free(key.node.value_list)
        offsets = tuple(self._values(key).values())
        listed = struct.pack(f"<{len(offsets)}I", *offsets)
        key.node.value_list = self._cells.add(listed) if offsets else NOTHING
        key.node.values = len(offsets)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("\\") if part]


def _join(above: str, name: str) -> str:
    return rf"{above}\{name}" if above else name


def _longer(field: int, length: int) -> int:
    """The greatest length of a subkey's name; the upper half of the field is flags since Windows Vista."""
    return field & ~0xFFFF | max(field & 0xFFFF, length)
