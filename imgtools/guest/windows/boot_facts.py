r"""What the registry and the boot configuration of a Windows say of its next boot, read once for all that ask.

A part that is damaged costs its own facts: ``unread`` says why, and the hive is named in ``hives``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.errors import NoSuchGuestFile, OddGuest
from imgtools.files.paths import join
from imgtools.guest.guest import Guest
from imgtools.guest.windows.bcd import BootEntry, BootStore, boot_store, entries_of
from imgtools.guest.windows.boot_drivers import (
    BootDriver,
    Controllers,
    LostFilter,
    boot_drivers,
    controllers,
    lost_filters,
)
from imgtools.guest.windows.facts import RegistryFacts
from imgtools.guest.windows.registry import MACHINE, Registry, open_registry
from imgtools.guest.windows.setup_state import COMPLETE, GENERALISED, image_state

SYSTEM = rf"{MACHINE}\SYSTEM"
# Hives without which Windows stops (0xC0000218, 0x74), or nobody logs on; each with a key that it cannot do without.
HIVES = {"SYSTEM": "Select", "SOFTWARE": "Microsoft", "SAM": "SAM", "SECURITY": "Policy", "DEFAULT": ""}
BACKUPS = ("RegBack/{}", "{}.bak")
PARTS = ("Control", "Services")
SETUP = rf"{SYSTEM}\Setup"
MANAGER = rf"{SYSTEM}\CurrentControlSet\Control\Session Manager"
AT_BOOT = ("SetupExecute", "SetupExecuteNoPnpSync")
INSTALLER = "poqexec"  # of updates
PENDING = "WinSxS/pending.xml"
CHECK = re.compile(r"autocheck\s+autochk\s.{0,40}\\\?\?\\([A-Za-z]):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HiveFile:
    """A hive that Windows needs. ``problem`` is what is wrong with it, "" if it can be read; ``backup`` one of it."""

    name: str
    path: str
    problem: str = ""
    backup: str = ""


@dataclass(frozen=True, slots=True)
class LostSet:
    """A control set that is named and not whole: ``named`` by which value of Select, ``good`` whether another is."""

    named: str
    number: int
    why: str
    good: bool


@dataclass(frozen=True, slots=True)
class SetupFacts:
    """What is left to do. ``in_progress`` are the values that say that setup goes on; ``image`` is its own state."""

    in_progress: tuple[str, ...] = ()
    image: str = COMPLETE
    updates: tuple[str, ...] = ()  # where it is said that updates are in the middle
    checks: tuple[
        str, ...
    ] = ()  # the letters of drives that are checked at the next boot, marked dirty or not

    @property
    def waits_for_clones(self) -> bool:
        """Whether it was generalised, and is meant to go on at the next boot."""
        return self.image in GENERALISED


@dataclass(frozen=True, slots=True)
class BootFacts:
    """All of it. ``store`` is None where there is no boot configuration, or (``store_problem``) it cannot be read."""

    store: BootStore | None
    store_problem: str
    entries: tuple[BootEntry, ...]
    hives: tuple[HiveFile, ...]
    lost_sets: tuple[LostSet, ...]
    drivers: tuple[BootDriver, ...]
    filters: tuple[LostFilter, ...]
    controllers: Controllers
    setup: SetupFacts
    unread: tuple[str, ...]

    @property
    def default(self) -> BootEntry | None:
        """The entry that starts if nobody chooses."""
        return next((one for one in self.entries if one.is_default), None)


def read_boot_facts(guest: Guest) -> BootFacts:
    """Read it all.

    :param guest: of :func:`imgtools.guest.windows.boot_volume.with_boot_volume`.
    """
    nothing: tuple[BootEntry, ...] = ()
    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        facts = RegistryFacts(registry)
        store, problem = _store(registry)
        entries = facts.attempt(lambda: entries_of(store), nothing) if store is not None else nothing
        no_drivers: tuple[BootDriver, ...] = ()
        no_filters: tuple[LostFilter, ...] = ()
        no_sets: tuple[LostSet, ...] = ()
        return BootFacts(
            store,
            problem,
            entries,
            tuple(_hives(guest, registry)),
            facts.attempt(lambda: tuple(_lost_sets(registry)), no_sets),
            facts.attempt(lambda: tuple(boot_drivers(registry)), no_drivers),
            facts.attempt(lambda: tuple(lost_filters(registry)), no_filters),
            facts.attempt(lambda: controllers(registry, guest.files), Controllers((), ())),
            facts.attempt(lambda: _setup(guest, registry), SetupFacts()),
            tuple(one.text for one in facts.warnings),
        )


def _store(registry: Registry) -> tuple[BootStore | None, str]:
    try:
        return boot_store(registry), ""
    except OddGuest as error:
        return None, error.message


def _hives(guest: Guest, registry: Registry) -> Iterator[HiveFile]:
    folder = join(guest.os.windows_systemroot, "System32/config")
    for name, key in HIVES.items():
        path = join(folder, name)
        problem = _hive_problem(registry, path, key)
        yield HiveFile(name, path, problem, _backup(guest, folder, name) if problem else "")


def _hive_problem(registry: Registry, path: str, key: str) -> str:
    try:
        root = registry.hive(path).root
        for one in root.subkeys():  # two levels: the whole of SOFTWARE has half a million keys
            one.subkey_count  # noqa: B018 - it is read, and refused if it is damaged
        return "" if root.key(key) is not None else f"it has no key {key}"
    except NoSuchGuestFile:
        return "it is not there"
    except OddGuest as error:
        return error.message


def _backup(guest: Guest, folder: str, name: str) -> str:
    for one in BACKUPS:
        path = join(folder, one.format(name))
        if guest.files.is_file(path) and guest.files.stat(path).size:
            return path
    return ""


def _lost_sets(registry: Registry) -> Iterator[LostSet]:
    """Yield which of the control sets that are to be used is not whole."""
    select = registry.find(rf"{SYSTEM}\Select")
    if select is None:
        return
    good = select.number("LastKnownGood")
    numbers = {name: select.number(name) for name in ("Current", "Default")}
    if numbers["Current"] is None and numbers["Default"] is None:
        yield LostSet(
            "Current", 0, "Select names no control set", good is not None and not _lacks(registry, good)
        )
    for name, number in numbers.items():
        if number is not None and (why := _lacks(registry, number)):
            yield LostSet(name, number, why, good is not None and not _lacks(registry, good))
            return


def _lacks(registry: Registry, number: int) -> str:
    name = f"ControlSet{number:03d}"
    if registry.find(rf"{SYSTEM}\{name}") is None:
        return f"there is no {name}"
    for part in PARTS:
        found = registry.find(rf"{SYSTEM}\{name}\{part}")
        if found is None or not (found.subkey_count or found.value_count):
            return f"{name} has no {part}"
    return ""


def _setup(guest: Guest, registry: Registry) -> SetupFacts:
    found = registry.find(SETUP)
    names = ("SystemSetupInProgress", "SetupType", "OOBEInProgress", "SetupPhase")
    going = tuple(
        f"{name}={number}" for name in names if found is not None and (number := found.number(name))
    )
    return SetupFacts(
        going, image_state(registry), tuple(_updates(guest, registry)), tuple(_checks(registry))
    )


def _checks(registry: Registry) -> Iterator[str]:
    """Yield the drives of lines such as ``autocheck autochk /p \\??\\C:``."""
    manager = registry.find(MANAGER)
    value = manager.value("BootExecute") if manager is not None else None
    for one in value.texts or () if value is not None else ():
        if match := CHECK.fullmatch(one.strip()):
            yield match[1].upper()


def _updates(guest: Guest, registry: Registry) -> Iterator[str]:
    """Yield what says that updates are installed at the next boot, or were cut off in the middle."""
    manager = registry.find(MANAGER)
    for name in AT_BOOT if manager is not None else ():
        value = manager.value(name) if manager is not None else None
        texts: Sequence[str] = value.texts or () if value is not None else ()
        if any(INSTALLER in one.casefold() for one in texts):
            yield rf"{MANAGER}\{name}"
    path = join(guest.os.windows_systemroot, PENDING)
    if guest.files.is_file(path):
        yield path
