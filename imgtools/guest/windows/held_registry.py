"""The registry of a Windows guest that many ask one after another: its hives are opened once, and closed with it."""

from __future__ import annotations

import weakref
from contextlib import ExitStack

from imgtools.errors import GuestFileError, OddGuest
from imgtools.guest.guest import Guest
from imgtools.guest.windows.facts import Values
from imgtools.guest.windows.registry import MACHINE, USERS, Registry
from imgtools.guest.windows.release import Release
from imgtools.units import parse_count

LONGEST = 200  # letters of a value that are shown
SHORT = {MACHINE: "HKLM", USERS: "HKU"}


class HeldRegistry:
    """The registry of a guest, open until nobody asks any more; values of keys are read once."""

    def __init__(self, guest: Guest) -> None:
        stack = ExitStack()
        self.registry = Registry(guest.files, guest.os.windows_systemroot, stack)
        self._values: dict[str, Values] = {}
        self._closed = weakref.finalize(self, stack.close)
        is_server = "server" in guest.os.product_variant.lower()
        self.release = Release(parse_count(guest.os.build_id) or 0, is_server, self._edition())

    def _edition(self) -> str:
        """The edition; "" if the hive that would tell it cannot be read, which costs those that ask it."""
        try:
            return self.values(rf"{MACHINE}\SOFTWARE\Microsoft\Windows NT\CurrentVersion").text("EditionID")
        except (OddGuest, GuestFileError):
            return ""

    def values(self, key: str) -> Values:
        """Return the values of a key; none if it is not there.

        :raises OddGuest: the hive is damaged.
        :raises NoSuchGuestFile: the guest has no such hive.
        """
        if key not in self._values:
            place = self.registry.place(key)
            found = self.registry.hive(place.path).key(place.key)
            self._values[key] = Values(found.values()) if found is not None else Values()
        return self._values[key]

    def subkeys(self, key: str) -> tuple[str, ...]:
        """Return the names of the keys right below a key; errors as of :meth:`values`."""
        place = self.registry.place(key)
        found = self.registry.hive(place.path).key(place.key)
        return tuple(one.name for one in found.subkeys()) if found is not None else ()

    def number(self, key: str, name: str) -> int | None:
        """Return a number, also one that is kept as text; None if the value is not there.

        :raises OddGuest: it is no number. Others as of :meth:`values`.
        """
        value = self.values(key).get(name)
        if value is None:
            return None
        number = value.number if value.text is None else parse_count(value.text.strip())
        if number is None:
            raise OddGuest(f"not a number: {short_name(key, name)}")
        return number

    def path(self, key: str) -> str:
        """Return the hive's file that a key is kept in."""
        return self.registry.place(key).path


def short_name(key: str, name: str = "") -> str:
    r"""Return what regedit calls a key, or a value of it, in short: ``HKLM\SOFTWARE\Key\Value``."""
    root, _, rest = key.partition("\\")
    return "\\".join(part for part in (SHORT.get(root, root), rest, name) if part)
