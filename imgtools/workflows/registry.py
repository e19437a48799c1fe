"""Keys and values of a Windows guest's registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from imgtools.change.reg_text import reg_lines
from imgtools.errors import NoSuchRegistryKey, OddGuest, UnsupportedGuest, UsageError, shorten
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest, the_guest
from imgtools.guest.windows.boot_volume import with_boot_volume
from imgtools.guest.windows.registry import (
    BOOT_HIVE,
    MACHINE,
    USERS,
    HiveKey,
    HivePlace,
    Registry,
    RegistryValue,
    open_bare_hive,
    open_registry,
    split_name,
)
from imgtools.image.handle import Image, open_request
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsType, Warned


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value: its bytes, and what they mean where the type says it; ``name`` "" is the default value."""

    name: str
    type: str  # REG_SZ and so on; REG_0x1f4, where the number has no name
    text: str | None  # SZ, EXPAND_SZ, LINK
    texts: tuple[str, ...] | None  # MULTI_SZ
    number: int | None  # DWORD, QWORD
    data: bytes


@dataclass(frozen=True, slots=True)
class KeyReport:
    """One key with its values and the names of its subkeys."""

    image: str
    engine: Engine
    key: str  # the full name, as regedit writes it
    hive: str  # the file in the guest
    modified: int
    subkeys: tuple[str, ...]
    values: tuple[ValueRow, ...]
    class_name: str = ""  # that few keys have
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key in a listing."""

    key: str
    modified: int
    subkeys: int
    values: int
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class KeyListReport:
    """The keys below a key."""

    image: str
    engine: Engine
    key: str
    hive: str
    keys: tuple[KeyRow, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class HiveRow:
    """A hive of the guest. ``dirty``: it was not closed cleanly; ``problem``: why it cannot be read, or ""."""

    key: str
    path: str
    size: int
    modified: int
    dirty: bool
    problem: str


@dataclass(frozen=True, slots=True)
class HiveListReport:
    """Every hive of the guest."""

    image: str
    engine: Engine
    hives: tuple[HiveRow, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportedKey:
    """A key with its values, as an export has it."""

    key: str
    modified: int
    values: tuple[ValueRow, ...]
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """A key and everything below it."""

    image: str
    engine: Engine
    key: str
    hive: str
    keys: tuple[ExportedKey, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(slots=True)
class OpenExport:
    """A key and everything below it, read as it is taken; ``warnings`` are complete when that has ended."""

    registry: Registry
    place: HivePlace
    key: HiveKey
    warnings: list[Warned]

    @property
    def lines(self) -> Iterator[str]:
        """The .reg text, a line at a time, without line ends."""
        return reg_lines(self._with_values(), self.place.prefix, self.warnings)

    @property
    def names(self) -> Iterator[str]:
        """The full names of the keys, the key itself first."""
        return (full_key(self.place, key) for key in self._keys())

    @property
    def keys(self) -> Iterator[ExportedKey]:
        """The keys with their values."""
        for key, values in self._with_values():
            rows = tuple(value_row(value) for value in values)
            yield ExportedKey(full_key(self.place, key), key.modified, rows, key.class_name)

    def _keys(self) -> Iterator[HiveKey]:
        """The keys; what is damaged is left out with a warning."""
        refused: list[OddGuest] = []
        yield from self.key.walk(refused)
        self.warnings += [Warned(error.message) for error in refused]

    def _with_values(self) -> Iterator[tuple[HiveKey, tuple[RegistryValue, ...]]]:
        for key in self._keys():
            try:
                yield key, key.values()
            except OddGuest as error:
                self.warnings.append(Warned(error.message))


def read_key(request: ImageRequest, name: str, value: str | None = None, *, hive: bool = False) -> KeyReport:
    """Return a key with all its values, or with the one called ``value``.

    "" is the default value, and so is "@" where no value is called so.

    :param hive: the file is no image, but a registry hive; so in all of these functions.
    :raises NoSuchRegistryKey: no such key or value.
    :raises UnsupportedGuest: the guest is no Windows.
    """
    with open_one(request, name, hive=hive) as opened:
        place, key = opened.registry.require(name)
        values = key.values() if value is None else (one_value(place, key, value),)
        return KeyReport(
            request.name,
            opened.engine,
            full_key(place, key),
            place.path,
            key.modified,
            tuple(below.name for below in key.subkeys()),
            tuple(value_row(one) for one in values),
            key.class_name,
            opened.warnings(),
        )


def list_keys(
    request: ImageRequest, name: str, *, recursive: bool = False, hive: bool = False
) -> KeyListReport:
    """Return the keys below a key, or with ``recursive`` everything below it.

    What cannot be read of a damaged hive is left out, with a warning.

    :raises NoSuchRegistryKey: no such key.
    """
    refused: list[OddGuest] = []
    with open_one(request, name, hive=hive) as opened:
        if not hive:
            root, parts = split_name(name)
            if not parts and root in (MACHINE, USERS):
                return _list_root(request, opened, root, recursive=recursive)
        place, key = opened.registry.require(name)
        found = islice(key.walk(refused), 1, None) if recursive else key.subkeys()
        rows = tuple(_key_row(place, one) for one in found)
        return KeyListReport(
            request.name,
            opened.engine,
            full_key(place, key),
            place.path,
            rows,
            opened.warnings(*(Warned(error.message) for error in refused)),
        )


def _list_root(request: ImageRequest, opened: OpenRegistry, root: str, *, recursive: bool) -> KeyListReport:
    """List what a root that no hive holds is made of: the hives that Windows loads below it."""
    refused: list[OddGuest] = []
    rows: list[KeyRow] = []
    for place in opened.registry.hives():
        if place.prefix.startswith(f"{root}\\"):
            try:
                top = opened.registry.hive(place.path).root
            except OddGuest as error:
                refused.append(error)
                continue
            rows += [_key_row(place, one) for one in (top.walk(refused) if recursive else [top])]
    warnings = opened.warnings(*(Warned(error.message) for error in refused))
    return KeyListReport(request.name, opened.engine, root, "", tuple(rows), warnings)


def list_hives(request: ImageRequest, *, hive: bool = False) -> HiveListReport:
    """Return every hive of the guest; one that is damaged is in the list with its problem."""
    with open_one(request, BOOT_HIVE, hive=hive) as opened:
        registry = opened.registry
        rows = tuple(_hive_row(registry.files, registry, place) for place in registry.hives())
        own = opened.guest.warnings if opened.guest else ()
        return HiveListReport(request.name, opened.engine, rows, own)


@contextmanager
def open_export(request: ImageRequest, name: str, *, hive: bool = False) -> Iterator[OpenExport]:
    """Open a key and everything below it for export; nothing of it is held in memory.

    :raises NoSuchRegistryKey: no such key.
    """
    with open_one(request, name, hive=hive) as opened:
        place, key = opened.registry.require(name)
        yield OpenExport(opened.registry, place, key, list(opened.warnings()))


def export_key(request: ImageRequest, name: str, *, hive: bool = False) -> ExportReport:
    """Return a key and everything below it as records.

    :raises NoSuchRegistryKey: no such key.
    """
    with open_export(request, name, hive=hive) as export:
        keys = tuple(export.keys)
        return ExportReport(
            request.name,
            export.registry.files.served_by,
            full_key(export.place, export.key),
            export.place.path,
            keys,
            tuple(export.warnings),
        )


# -- the guest -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenRegistry:
    """A registry that is open, and what it belongs to: a guest, or, where a bare hive was named, nothing."""

    registry: Registry
    guest: Guest | None = None

    @property
    def engine(self) -> Engine:
        """Who reads it."""
        return self.registry.files.served_by

    def warnings(self, *more: Warned) -> tuple[Warned, ...]:
        """Everything there is to know, once: finding the guest has opened some of the hives too."""
        own = self.guest.warnings if self.guest else ()
        return tuple(dict.fromkeys((*own, *self.registry.warnings, *more)))


@contextmanager
def open_one(request: ImageRequest, *names: str, hive: bool = False) -> Iterator[OpenRegistry]:
    """Open the registry of a guest, or with ``hive`` the file that is named in place of an image.

    :param names: keys that are looked for: the hive of the boot entries is on a volume of its own.
    :raises UnsupportedGuest: the guest is no Windows.
    """
    if hive:
        if len(request.disks) > 1 or request.mounts or request.root:
            raise UsageError("--hive names one file, which has no disks and no volumes")
        with open_bare_hive(request.host_path) as bare:
            yield OpenRegistry(bare)
        return
    with open_request(request) as image, registry_of(image, request, *names) as opened:
        yield opened


@contextmanager
def registry_of(image: Image, request: ImageRequest, *names: str) -> Iterator[OpenRegistry]:
    """Open the registry of the guest of an image that is open.

    :raises UnsupportedGuest: the guest is no Windows.
    """
    guest = the_guest(image, request.root)
    if guest.os.type is not OsType.WINDOWS:
        raise UnsupportedGuest(
            f"a registry is Windows' own; this guest is {guest.os.product_name or guest.os.distro}"
        )
    if any(BOOT_HIVE.casefold() in name.casefold() for name in names):
        guest = with_boot_volume(image, guest)
    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        yield OpenRegistry(registry, guest)


# -- rows ------------------------------------------------------------------------------------------------------


def full_key(place: HivePlace, key: HiveKey) -> str:
    """A key's full name, in the letter case of the hive."""
    return rf"{place.prefix}\{key.path}" if key.path else place.prefix


def value_row(value: RegistryValue) -> ValueRow:
    """Return a value as reports have it."""
    return ValueRow(value.name, value.type_name, value.text, value.texts, value.number, value.data)


def one_value(place: HivePlace, key: HiveKey, name: str) -> RegistryValue:
    """Return a value of a key; "@" is the default value where none is called so.

    :raises NoSuchRegistryKey: there is none; the hint names those that there are.
    """
    found = key.value(name) or (key.value("") if name == "@" else None)
    if found is None:
        names = ", ".join(shorten(value.name) or "@" for value in key.values()[:12]) or "none"
        raise NoSuchRegistryKey(
            f"no value {name or '@'} in {full_key(place, key)}",
            path=full_key(place, key),
            hint=f"it has {names}",
        )
    return found


def _hive_row(files: GuestReader, registry: Registry, place: HivePlace) -> HiveRow:
    size = registry.files.stat(place.path).size
    try:
        hive = registry.hive(place.path)
        return HiveRow(place.prefix, place.path, size, hive.root.modified, hive.state.dirty, "")
    except OddGuest as error:
        return HiveRow(place.prefix, place.path, size, 0, False, error.message)


def _key_row(place: HivePlace, key: HiveKey) -> KeyRow:
    return KeyRow(full_key(place, key), key.modified, key.subkey_count, key.value_count, key.class_name)
