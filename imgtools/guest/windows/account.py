"""One local account of a Windows guest as its SAM stores it, and the bytes that it should have instead.

The value F holds flags and counts, V the strings and the password's hashes, each by an entry of offset, length and a
word. Sources: the structures user_F and user_V of chntpw's sam.h; the ACB flags [MS-SAMR] 2.2.1.12; "Security Accounts
Manager keys" (winreg-kb); for Microsoft accounts samparse of RegRipper.
"""

from __future__ import annotations

import difflib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, RegistrySet
from imgtools.errors import NotInGuest, OddGuest
from imgtools.guest.windows.registry import HiveKey, Registry
from imgtools.guest.windows.sam import ACCOUNTS, DISABLED, HASH_LENGTHS, NO_PASSWORD_NEEDED

ADMINISTRATOR = 500  # the id of the built-in account, whatever it is called
LOCKED = 0x0400  # ACB_AUTOLOCK
FLAGS, FAILED = 0x38, 0x40  # in F: the flags, and how many wrong passwords there were; 2 bytes each
SHORTEST_F, SHORTEST_V = 0x44, 0xCC
ONLINE = ("InternetUserName", "InternetName")  # values that only the key of a Microsoft account has
LM_LENGTH, NT_LENGTH = 0xA0, 0xAC  # in V: the lengths of the two hashes, 4 bytes each


@dataclass(frozen=True, slots=True)
class Account:
    """An account: its name, and the values F and V of its key in the hive ``path``.

    ``online``: who logs on to it is asked by Microsoft's servers, so it has no password of the guest's own.
    """

    name: str
    rid: int
    path: str
    key: str
    facts: bytes  # F
    words: bytes  # V
    online: bool = False

    def with_facts(self, facts: bytes, what: str) -> Iterator[Change]:
        """Yield what gives it another F, if it is another; ``what`` that means."""
        if facts != self.facts:
            yield self._set("F", facts, what)

    def with_words(self, words: bytes, what: str) -> Iterator[Change]:
        """Yield what gives it another V, if it is another; ``what`` that means."""
        if words != self.words:
            yield self._set("V", words, what)

    def _set(self, name: str, data: bytes, what: str) -> RegistrySet:
        return RegistrySet(
            self.path, self.key, name, "REG_BINARY", data=data, private=True, what=f"{what} {self.name}"
        )


def find_account(registry: Registry, user: str) -> Account:
    """Return the local account of a name, in any letter case, or of a relative id (``500``).

    :raises NotInGuest: there is none; the hint names the nearest.
    :raises OddGuest: it is stored in a way that nobody knows.
    """
    users, known = _known(registry)
    wanted = user.casefold()
    found = [(rid, name) for rid, name in known if wanted in (name.casefold(), str(rid))]
    if not found or users is None:
        names = [name for _rid, name in known]
        near = difflib.get_close_matches(user, names, n=1)
        there = f"did you mean {near[0]}?" if near else f"there are {', '.join(names) or 'none'}"
        raise NotInGuest(f"the guest has no local account {user}", hint=there)
    rid, name = found[0]
    return _account(registry, users, rid, name)


def _known(registry: Registry) -> tuple[HiveKey | None, list[tuple[int, str]]]:
    """The key of the accounts, and their ids and names: the id is the type of an empty value below the name."""
    users = registry.find(rf"{ACCOUNTS}\Users")
    names = users.key("Names") if users is not None else None
    found = [(one.value(""), one.name) for one in (names.subkeys() if names is not None else ())]
    return users, [(value.type, name) for value, name in found if value is not None]


def _account(registry: Registry, users: HiveKey, rid: int, name: str) -> Account:
    place = registry.place(rf"{ACCOUNTS}\Users\{rid:08X}")
    key = users.key(f"{rid:08X}")
    facts, words = (key.value(one) if key is not None else None for one in ("F", "V"))
    if facts is None or words is None or len(facts.data) < SHORTEST_F or len(words.data) < SHORTEST_V:
        raise OddGuest(f"the account {name} is not stored as accounts are: {place.name}")
    online = any(key.value(one) is not None for one in ONLINE) if key is not None else False
    return Account(name, rid, place.path, place.key, facts.data, words.data, online)


def without_password(words: bytes) -> bytes:
    """Return a V in which no hash is set; what of it is empty already stays.

    The lengths of the hashes become 0, which is how chntpw clears a password: Windows then takes the empty one.
    """
    new = bytearray(words)
    for at in (LM_LENGTH, NT_LENGTH):
        (length,) = struct.unpack_from("<I", words, at)
        if length and HASH_LENGTHS.get(length) is not False:
            struct.pack_into("<I", new, at, 0)
    return bytes(new)


def unlocked(facts: bytes) -> bytes:
    """Return an F of an account that no wrong passwords have locked."""
    new = bytearray(facts)
    (flags,) = struct.unpack_from("<H", facts, FLAGS)
    struct.pack_into("<H", new, FLAGS, flags & ~LOCKED)
    struct.pack_into("<H", new, FAILED, 0)
    return bytes(new)


def enabled(facts: bytes) -> bytes:
    """Return an F of an account that is not disabled."""
    new = bytearray(facts)
    (flags,) = struct.unpack_from("<H", facts, FLAGS)
    struct.pack_into("<H", new, FLAGS, flags & ~DISABLED)
    return bytes(new)


def disabled(facts: bytes) -> bytes:
    """Return an F of an account that nobody can log on to."""
    return _with_flags(facts, on=DISABLED)


def wanting_password(facts: bytes) -> bytes:
    """Return an F of an account that may not be given an empty password."""
    return _with_flags(facts, off=NO_PASSWORD_NEEDED)


def _with_flags(facts: bytes, on: int = 0, off: int = 0) -> bytes:
    new = bytearray(facts)
    (flags,) = struct.unpack_from("<H", facts, FLAGS)
    struct.pack_into("<H", new, FLAGS, flags & ~off | on)
    return bytes(new)
