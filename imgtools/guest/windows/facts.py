"""Reading facts from a registry: what a damaged hive, key or value would have told is left out, with a warning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from imgtools.engine.hive import FILETIME_EPOCH, HiveKey
from imgtools.engine.regvalue import RegistryValue
from imgtools.errors import EngineFailed, GuestFileError, OddGuest, ToolMissing, UnsupportedGuest
from imgtools.guest.windows.registry import Registry
from imgtools.records.system import Warned

MOST = 100_000  # entries of one list
TOLD = 5  # damaged entries of one list that are named
# What costs a fact and no more: damage, a file that no engine reads, a program that is not there.
MISSING = (OddGuest, GuestFileError, ToolMissing, UnsupportedGuest, EngineFailed)
NEVER = (0, 0x7FFF_FFFF_FFFF_FFFF)  # FILETIMEs that mean no moment

Fact = TypeVar("Fact")


class Values(Mapping[str, RegistryValue]):
    """The values of a key, by their names in any letter case."""

    def __init__(self, values: Iterable[RegistryValue] = ()) -> None:
        self._values = {value.name.lower(): value for value in values}

    def __getitem__(self, name: str) -> RegistryValue:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, *names: str) -> str:
        """Return the first of the named strings that is there and not empty; "" if there is none."""
        found = (self[name].text for name in names if name in self)
        return next((text.strip() for text in found if text and text.strip()), "")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the strings of a MULTI_SZ, or the one of another text, that are not empty."""
        value = self.get(name)
        if value is None:
            return ()
        found = value.texts if value.texts is not None else (value.text or "",)
        return tuple(text.strip() for text in found if text.strip())

    def number(self, name: str) -> int | None:
        """Return a number; None if there is none."""
        value = self.get(name)
        return value.number if value is not None else None

    def data(self, name: str) -> bytes:
        """Return the bytes of a value; none if it is not there."""
        value = self.get(name)
        return value.data if value is not None else b""

    def flag(self, name: str) -> bool | None:
        """Return whether a number is not zero; None if there is none."""
        number = self.number(name)
        return None if number is None else number != 0

    def time(self, high: str, low: str) -> int | None:
        """Return a FILETIME of two numbers, in nanoseconds since 1970; None if it is no moment."""
        upper, lower = self.number(high), self.number(low)
        return None if upper is None or lower is None else filetime(upper << 32 | lower)


def filetime(ticks: int) -> int | None:
    """Return Windows' 100 ns since 1601 as nanoseconds since 1970; None for what means no moment."""
    return None if ticks in NEVER else (ticks - FILETIME_EPOCH) * 100


class RegistryFacts:
    """Reads facts from one registry, and gathers what is wrong on the way."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.files = registry.files
        self.warnings: list[Warned] = []

    def warn(self, text: str) -> None:
        """Say once that something is missing from the facts."""
        if Warned(text) not in self.warnings:
            self.warnings.append(Warned(text))

    def attempt(self, read: Callable[[], Fact], otherwise: Fact) -> Fact:
        """Return what ``read`` finds; damage is a warning, and ``otherwise`` the answer."""
        try:
            return read()
        except MISSING as error:
            self.warn(error.message)
            return otherwise

    def key(self, name: str) -> HiveKey | None:
        """Return a key; None if it is not there or not readable."""
        return self.attempt(lambda: self.registry.find(name), None)

    def values(self, name: str) -> Values:
        """Return the values of a key; none if it is not there or not readable."""
        key = self.key(name)
        return self.values_of(key) if key is not None else Values()

    def values_of(self, key: HiveKey) -> Values:
        """Return the values of a key that was found; none if they are not readable."""
        return self.attempt(lambda: Values(key.values()), Values())

    def subkeys(self, name: str) -> tuple[str, ...]:
        """Return the names of the keys right below a key."""
        key = self.key(name)
        return (
            self.attempt(lambda: tuple(below.name for below in key.subkeys()), ()) if key is not None else ()
        )

    def text(self, key: str, *names: str) -> str:
        """Return the first of the named values of a key that is there and not empty."""
        return self.values(key).text(*names)

    def number(self, key: str, name: str) -> int | None:
        """Return a number of a key."""
        return self.values(key).number(name)

    def data(self, key: str) -> bytes:
        """Return the bytes of a key's default value."""
        return self.values(key).data("")

    def each(self, name: str, make: Callable[[HiveKey], Fact | None]) -> tuple[Fact, ...]:
        """Return what is made of every key right below a key, as far as something is.

        A key that cannot be read costs its own entry; that, and what is beyond ``MOST`` entries, is a warning.
        """
        found: list[Fact] = []
        damaged = 0
        keys = self._each_key(name)
        for key in keys:
            if len(found) >= MOST:
                self.warn(f"only the first {MOST} keys below {name} were read")
                break
            try:
                made = make(key)
            except MISSING as error:
                damaged += 1
                if damaged <= TOLD:
                    self.warn(error.message)
                continue
            if made is not None:
                found.append(made)
        if damaged > TOLD:
            self.warn(f"{damaged - TOLD} more keys below {name} cannot be read")
        return tuple(found)

    def _each_key(self, name: str) -> Iterator[HiveKey]:
        """Yield the keys right below a key; if they cannot be listed, none."""
        key = self.key(name)
        if key is None:
            return
        try:
            yield from key.each_subkey()
        except MISSING as error:
            self.warn(error.message)
