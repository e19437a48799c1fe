"""Windows registry hives, read-only, through hivex.

hivex wants a file with a name: the hive is copied into memory (memfd) in pieces, what its transaction logs
still hold is replayed onto that copy (see ``hive_log.py``), and hivex opens it through /proc/self/fd. The
guest's file is never touched. hivex works in a process of its own (``confined/hive.py``).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from imgtools.engine.confined.hive import AHEAD, RemoteHive
from imgtools.engine.hive_log import (
    BASE_BLOCK,
    MAX_HIVE,
    NO_BASE_BLOCK,
    PAGE,
    SECTOR,
    BaseBlock,
    has_bins,
    read_base_block,
    replay,
    settle_length,
)
from imgtools.engine.regf.keys import folded
from imgtools.engine.regvalue import RegistryValue
from imgtools.errors import NoSuchRegistryKey, OddGuest, ToolMissing, shorten

if TYPE_CHECKING:
    import hivex

CHUNK = 1 << 20
MAX_KEYS = 10_000_000  # of one walk; a whole SOFTWARE hive has some 500,000
FILETIME_EPOCH = 116_444_736_000_000_000  # 1970-01-01 in 100 ns since 1601-01-01


@dataclass(frozen=True, slots=True)
class HiveState:
    """Whether a hive was closed cleanly, and what became of the changes in its logs.

    ``dirty``: Windows would replay its logs before using it; nothing may write to it before that.
    ``replayed``: how many log records were applied to the copy that is read.
    """

    dirty: bool = False
    replayed: int = 0


@contextmanager
def open_hive(source: bytes | BinaryIO, name: str, logs: Sequence[bytes] = ()) -> Iterator[Hive]:
    """Open a hive for reading.

    :param name: its path in the guest, for messages.
    :param logs: contents of its ``.LOG1`` and ``.LOG2`` (or ``.LOG``), in that order.
    :raises OddGuest: not a hive, cut short, or damaged beyond reading.
    :raises ToolMissing: hivex is not installed.
    """
    binding = load_hivex()
    descriptor = os.memfd_create("hive")
    try:
        base = _copy(io.BytesIO(source) if isinstance(source, bytes) else source, descriptor, name, logs)
        state = HiveState(base.dirty, replay(descriptor, base, logs) if base.dirty else 0)
        settle_length(descriptor)
        hive = Hive(_open_handle(binding, descriptor, name), name, state)
        try:
            yield hive
        finally:
            hive.close()
    finally:
        os.close(descriptor)


def load_hivex() -> type[hivex.Hivex]:
    """Import hivex's binding, or say how to get it: the ``hivex`` on PyPI is another program.

    :raises ToolMissing: it is missing, or the wrong one.
    """
    cure = "apt-get install python3-hivex, and run imgtools with /usr/bin/python3 (pip's hivex is another program)"
    try:
        import hivex
    except ImportError:
        raise ToolMissing("the Python binding of hivex is not installed", hint=cure) from None
    binding = getattr(hivex, "Hivex", None)
    if binding is None or not hasattr(binding, "node_get_child"):
        raise ToolMissing(f"this hivex is not the registry library: {hivex.__file__}", hint=cure)
    return hivex.Hivex


def _copy(source: BinaryIO, descriptor: int, name: str, logs: Sequence[bytes]) -> BaseBlock:
    """Copy the hive into memory and return its base block; a lost one, if a log has a copy of it."""
    size = 0
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if size > MAX_HIVE:
            raise OddGuest(f"registry hive larger than {MAX_HIVE >> 20} MiB: {name}")
        os.write(descriptor, chunk)
    base = read_base_block(os.pread(descriptor, SECTOR, 0))
    if base is None and has_bins(descriptor) and any(read_base_block(log[:SECTOR]) for log in logs):
        base = NO_BASE_BLOCK
    if base is None:
        raise OddGuest(f"not a registry hive: {name}", hint="the file is damaged, or something else")
    if size < BASE_BLOCK + (base.bins_size if base.intact else PAGE):
        raise OddGuest(
            f"registry hive cut short: {name} has {size} of {BASE_BLOCK + base.bins_size} bytes",
            hint="Windows keeps copies of its hives in /Windows/System32/config/RegBack",
        )
    return base


def _open_handle(binding: type[hivex.Hivex], descriptor: int, name: str) -> RemoteHive:
    try:
        return RemoteHive(_quiet(binding), descriptor, name)
    except (RuntimeError, OSError) as error:
        raise _damaged(name, "its header or bins", error) from None


def _quiet(binding: type[hivex.Hivex]) -> type[hivex.Hivex]:
    class Handle(binding):  # type: ignore[misc, valid-type]
        """hivex's own ``__del__`` prints a traceback when the hive could not be opened."""

        def __del__(self) -> None:
            if hasattr(self, "_o"):
                super().__del__()

    return Handle


def _damaged(name: str, what: str, error: Exception) -> OddGuest:
    return OddGuest(
        f"damaged registry hive {shorten(name)}: {shorten(what)} cannot be read (hivex: {shorten(str(error))})",
        hint="Windows keeps copies of its hives in /Windows/System32/config/RegBack",
    )


class Hive:
    """An open hive: the root of its keys, and its state."""

    def __init__(self, handle: RemoteHive, name: str, state: HiveState) -> None:
        self._handle: RemoteHive | None = handle
        self.name = name
        self.state = state

    def close(self) -> None:
        """Let hivex go. Keys of this hive cannot be read afterwards."""
        self._handle = None

    @property
    def handle(self) -> RemoteHive:
        """hivex's handle; for keys only."""
        if self._handle is None:
            raise ValueError(f"hive is closed: {self.name}")
        return self._handle

    @property
    def root(self) -> HiveKey:
        """The root key; its own name means nothing."""
        with self.reading("its root key"):
            return HiveKey(self, self.handle.root(), "")

    def key(self, path: str) -> HiveKey | None:
        """Return the key at ``path`` (``Microsoft\\Windows NT``; any letter case), or None."""
        return self.root.key(path)

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Turn hivex's complaints into an error that names the hive.

        :raises OddGuest: the hive is damaged here.
        """
        try:
            yield
        # hivex reports errno as RuntimeError; names that do not decode are a UnicodeDecodeError.
        except (RuntimeError, OSError, UnicodeDecodeError) as error:
            raise _damaged(self.name, what or "its root key", error) from None


class HiveKey:
    """One key of an open hive. ``path`` begins below the root: "" is the root itself."""

    __slots__ = ("_hive", "_node", "path")

    def __init__(self, hive: Hive, node: int, path: str) -> None:
        self._hive = hive
        self._node = node
        self.path = path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("\\")[2]

    @property
    def identity(self) -> int:
        """The same number for the same key; a damaged hive can hold a key in itself."""
        return self._node

    @property
    def modified(self) -> int:
        """When the key, or a value of it, was last written, in nanoseconds since 1970."""
        with self._hive.reading(self.path):
            return (self._hive.handle.node_timestamp(self._node) - FILETIME_EPOCH) * 100

    @property
    def class_name(self) -> str:
        """The class of the key, a text that few keys have (those that hold the boot key do); else ""."""
        with self._hive.reading(self.path):
            return self._hive.handle.node_class(self._node)

    def key(self, path: str) -> HiveKey | None:
        """Return the key at ``path`` below this one, or None."""
        here: HiveKey | None = self
        for part in path.split("\\"):
            here = here.subkey(part) if here is not None and part else here
        return here

    def require(self, path: str) -> HiveKey:
        """Return the key at ``path`` below this one.

        :raises NoSuchRegistryKey: it is not there.
        """
        found = self.key(path)
        if found is None:
            full = "\\".join(part for part in (self.path, path) if part)
            raise NoSuchRegistryKey(f"no such key in {self._hive.name}: {full}", path=full)
        return found

    def subkey(self, name: str) -> HiveKey | None:
        """Return the key ``name`` directly below this one, in any letter case."""
        with self._hive.reading(self.path):
            # hivex compares without regard to case, but only the letters of ASCII.
            node = self._hive.handle.node_get_child(self._node, name) if name.isascii() else None
            if node is not None:
                return self._child(node)
        if name.isascii():
            return None
        return next((one for one in self.subkeys() if folded(one.name) == folded(name)), None)

    def subkeys(self) -> tuple[HiveKey, ...]:
        """Return the keys directly below this one, in the hive's order (by name)."""
        with self._hive.reading(self.path):
            return tuple(self._child(node) for node in self._hive.handle.node_children(self._node))

    def each_subkey(self) -> Iterator[HiveKey]:
        """Yield the keys directly below this one, where all of them will be looked into: in few answers."""
        keys = self.subkeys()
        for at in range(0, len(keys), AHEAD):
            some = keys[at : at + AHEAD]
            with self._hive.reading(self.path):
                self._hive.handle.read_ahead([key.identity for key in some])
            yield from some

    @property
    def subkey_count(self) -> int:
        """How many keys are directly below this one."""
        with self._hive.reading(self.path):
            return len(self._hive.handle.node_children(self._node))

    @property
    def value_count(self) -> int:
        """How many values this key has."""
        with self._hive.reading(self.path):
            return len(self._hive.handle.node_values(self._node))

    def _child(self, node: int) -> HiveKey:
        name = self._hive.handle.node_name(node)
        return HiveKey(self._hive, node, f"{self.path}\\{name}" if self.path else name)

    def values(self) -> tuple[RegistryValue, ...]:
        """Return the values of this key, in the hive's order."""
        with self._hive.reading(self.path):
            return tuple(self._value(one) for one in self._hive.handle.node_values(self._node))

    def value(self, name: str) -> RegistryValue | None:
        """Return the value ``name`` in any letter case, "" for the default value, or None."""
        with self._hive.reading(self.path):
            for one in self._hive.handle.node_values(self._node):
                if folded(self._hive.handle.value_key(one)) == folded(name):
                    return self._value(one)
        return None

    def _value(self, value: int) -> RegistryValue:
        type_, data = self._hive.handle.value_value(value)
        return RegistryValue(self._hive.handle.value_key(value), type_ & 0xFFFFFFFF, data)

    def text(self, name: str) -> str:
        """Return the string in the value ``name``; "" if there is none, or it is no string."""
        found = self.value(name)
        return (found.text or "") if found is not None else ""

    def number(self, name: str) -> int | None:
        """Return the number in the value ``name``; None if there is none, or it is no number."""
        found = self.value(name)
        return found.number if found is not None else None

    def walk(self, refused: list[OddGuest] | None = None) -> Iterator[HiveKey]:
        """Yield this key and everything below it, a key before its subkeys, each key once.

        :param refused: where to put what is damaged; without it, damage is an error.
        :raises OddGuest: the keys below a key cannot be read.
        """
        todo, seen = [self], set[int]()
        while todo and len(seen) < MAX_KEYS:
            key = todo.pop()
            if key.identity in seen:  # a damaged hive can hold a key in itself
                continue
            seen.add(key.identity)
            yield key
            try:
                todo.extend(reversed(key.subkeys()))
            except OddGuest as error:
                if refused is None:
                    raise
                refused.append(error)
