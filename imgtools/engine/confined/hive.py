"""Registry hives, read by hivex in a worker that has nothing but the copy of the hive.

Who walks is answered ahead: with a key come those that a walk asks for next, which are the keys below it and then
those after it; the more, the more were asked for one after another before. Who says that many keys are wanted gets
them in few answers.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from imgtools.engine.confined.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hivex import Hivex

AHEAD = 256  # keys in one answer at most
BYTES_AHEAD = 1 << 20  # of values in one answer, about
KEPT = 8192  # keys that are kept here
# What is read of a hive at most, in bytes of values: so many times its size, and what a small one may need. Keys of a
# hostile one share a long value, and are more than any memory holds; who walks through a healthy one reads it twice.
MOST_TIMES, MOST_OF_SMALL = 16, 256 << 20
# msuhanov's regf specification, "Key node", behind the size of the cell: where its class is, and how long.
BINS = 4096
CLASS_OFFSET, CLASS_LENGTH = 4 + 48, 4 + 74
NO_CLASS = 0xFFFFFFFF

Value = tuple[int, str, int, bytes]


class _Key(NamedTuple):
    """What a key holds; None: it cannot be read, and whoever asks for that alone is told why."""

    node: int
    modified: int | None
    class_name: str
    children: list[tuple[int, str]] | None
    values: list[Value] | None


class RemoteHive:
    """As ``hivex.Hivex``, as far as imgtools uses it.

    :param binding: hivex's class.
    :param descriptor: the copy of the hive.
    :raises RuntimeError: hivex does not open it; in every method, as hivex's own.
    :raises OSError: as above.
    """

    def __init__(self, binding: type[Hivex], descriptor: int, name: str) -> None:
        self._worker = Worker("hivex", name, lambda: _Service(binding, descriptor), descriptors=[descriptor])
        self._keys: dict[int, _Key] = {}
        self._names: dict[int, str] = {}
        self._above: dict[int, _Key] = {}  # of a key, the one right above it
        self._values: dict[int, Value] = {}
        self._found: dict[tuple[int, str], int | None] = {}  # by the key above and the name, in small letters
        self._ahead = 1
        self._left = MOST_TIMES * os.fstat(descriptor).st_size + MOST_OF_SMALL
        self._root = int(self._worker.ask("root"))

    def root(self) -> int:
        """Return the number of the root key."""
        return self._root

    def node_children(self, node: int) -> list[int]:
        """Return the numbers of the keys right below a key."""
        found = self._look(node).children
        return self._ask_list("node_children", node) if found is None else [child for child, _ in found]

    def node_name(self, node: int) -> str:
        """Return the name of a key."""
        name = self._names.get(node)
        return str(self._worker.ask("node_name", node)) if name is None else name

    def node_get_child(self, node: int, name: str) -> int | None:
        """Return the key of a name right below a key, or None; asks hivex only if the keys below are not known yet."""
        known = self._keys.get(node)
        if known is not None and known.children is not None and name.isascii():
            small = name.lower()
            return next((one for one, own in known.children if own.isascii() and own.lower() == small), None)
        place = (node, name.lower())
        if place not in self._found:
            if len(self._found) >= KEPT:
                self._found.clear()
            found = self._worker.ask("node_get_child", node, name)
            self._found[place] = None if found is None else int(found)
        return self._found[place]

    def node_timestamp(self, node: int) -> int:
        """Return when a key was written last, in Windows' 100 ns since 1601."""
        found = self._look(node).modified
        return int(self._worker.ask("node_timestamp", node)) if found is None else found

    def node_class(self, node: int) -> str:
        """Return the class of a key; "" if it has none, or one that cannot be read."""
        return self._look(node).class_name

    def node_values(self, node: int) -> list[int]:
        """Return the numbers of the values of a key."""
        found = self._look(node).values
        return self._ask_list("node_values", node) if found is None else [value for value, *_ in found]

    def value_key(self, value: int) -> str:
        """Return the name of a value."""
        found = self._values.get(value)
        return str(self._worker.ask("value_key", value)) if found is None else found[1]

    def value_value(self, value: int) -> tuple[int, bytes]:
        """Return kind and content of a value."""
        found = self._values.get(value)
        if found is None:
            kind, data = self._worker.ask("value_value", value)
            self._count(len(data))
            return int(kind), bytes(data)
        return found[2], found[3]

    def read_ahead(self, nodes: Sequence[int]) -> None:
        """Fetch what many keys hold, before each is asked for; one answer has at most ``AHEAD`` of them."""
        wanted = [node for node in nodes if node not in self._keys]
        if wanted:
            self._keep([_Key(*one) for one in self._worker.ask("look_at", wanted[:AHEAD])], wanted[0])

    def _ask_list(self, method: str, node: int) -> list[int]:
        return [int(one) for one in self._worker.ask(method, node)]

    def _look(self, node: int) -> _Key:
        found = self._keys.get(node)
        if found is not None:
            return found
        # Whoever comes from the key above is on a walk.
        self._ahead = min(2 * self._ahead, AHEAD) if node in self._names else 1
        self._keep([_Key(*one) for one in self._worker.ask("look", self._next(node), self._ahead)], node)
        return self._keys[node]

    def _count(self, length: int) -> None:
        """Count what was read.

        :raises RuntimeError: it is more than the hive can hold.
        """
        self._left -= length
        if self._left < 0:
            raise RuntimeError("its keys share values, and hold more than the hive")

    def _keep(self, answer: Sequence[_Key], node: int) -> None:
        """Keep what was answered for a key."""
        self._count(sum(len(value[3]) for key in answer for value in key.values or ()))
        if max(len(self._keys) + len(answer), len(self._names)) > KEPT:
            self._forget(node)
        for key in answer:
            self._keys[key.node] = key
            if key.children:
                self._names.update(key.children)
                self._above.update(dict.fromkeys((child for child, _ in key.children), key))
            self._values.update((value[0], value) for value in key.values or ())

    def _forget(self, node: int) -> None:
        """Let go of what was kept, except for the names of keys that a walk at this key has before it."""
        above, on_the_way = self._above, set[int]()
        self._keys.clear()
        self._values.clear()
        self._names, self._above = {}, {}
        while node in above and node not in on_the_way:  # a damaged hive can hold a key in itself
            on_the_way.add(node)
            key = above[node]
            self._names.update(key.children or ())
            self._above.update(
                dict.fromkeys((child for child, _ in key.children or ()), key._replace(values=None))
            )
            node = key.node

    def _next(self, node: int) -> list[int]:
        """Return a key and those after it below the same key, as many as are asked for."""
        above = self._above.get(node)
        beside = [child for child, _ in above.children or ()] if above is not None else [node]
        start = beside.index(node)
        return beside[start : start + self._ahead]


class _Service:
    """Answers in plain values; what hivex itself answers in such is asked of it."""

    def __init__(self, binding: type[Hivex], descriptor: int) -> None:
        self._handle = binding(f"/proc/self/fd/{descriptor}")
        self._descriptor = descriptor
        for name in ("root", "node_children", "node_name", "node_get_child", "node_timestamp", "node_values"):
            setattr(self, name, getattr(self._handle, name))
        self.value_key, self.value_value = self._handle.value_key, self._handle.value_value

    def look(self, nodes: list[int], most: int) -> list[tuple[object, ...]]:
        """Return keys and those below each, a key before those below it, as far as ``most`` and the room go."""
        found: list[tuple[object, ...]] = []
        todo, seen, left = nodes[::-1], set[int](), BYTES_AHEAD
        while todo and len(found) < most and left > 0:
            here = todo.pop()
            if here in seen:  # a damaged hive can hold a key in itself
                continue
            seen.add(here)
            key = self._key(here)
            found.append(tuple(key))
            left -= sum(len(value[3]) for value in key.values or ())
            todo.extend(child for child, _ in reversed(key.children or ()))
        return found

    def look_at(self, nodes: list[int]) -> list[tuple[object, ...]]:
        """Return these keys, as many of the first as are not too long for one answer."""
        found: list[tuple[object, ...]] = []
        left = BYTES_AHEAD
        for node in nodes:
            key = self._key(node)
            found.append(tuple(key))
            left -= sum(len(value[3]) for value in key.values or ())
            if left <= 0:
                break
        return found

    def _key(self, node: int) -> _Key:
        handle = self._handle
        return _Key(
            node,
            _or_none(lambda: handle.node_timestamp(node)),
            self._class(node),
            _or_none(lambda: [(child, handle.node_name(child)) for child in handle.node_children(node)]),
            _or_none(
                lambda: [
                    (value, handle.value_key(value), *handle.value_value(value))
                    for value in handle.node_values(node)
                ]
            ),
        )

    def _class(self, node: int) -> str:
        """Read what hivex does not tell: its handle of a key is where the key's cell begins in the file."""
        place = os.pread(self._descriptor, CLASS_LENGTH + 2, node)
        if len(place) < CLASS_LENGTH + 2:
            return ""
        (offset,) = struct.unpack_from("<I", place, CLASS_OFFSET)
        (length,) = struct.unpack_from("<H", place, CLASS_LENGTH)
        if offset == NO_CLASS or not length:
            return ""
        head = os.pread(self._descriptor, 4, BINS + offset)
        size = -struct.unpack("<i", head)[0] if len(head) == 4 else 0  # of a cell in use, negative
        if length > size - 4:
            return ""
        return os.pread(self._descriptor, length, BINS + offset + 4).decode("utf-16-le", "replace")


T = TypeVar("T")


def _or_none(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except (RuntimeError, OSError, UnicodeDecodeError):
        return None
