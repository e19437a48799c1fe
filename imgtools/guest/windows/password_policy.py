"""What a Windows guest wants of the passwords of its own accounts, as the SAM stores it.

The value F of the key ``SAM\\Domains\\Account``; its layout is DOMAIN_ACCOUNT_F of impacket's secretsdump, whose fields
are those of [MS-SAMR] 3.1.1.4. Times are negative counts of 100 ns; the flags are [MS-SAMR] 2.2.1.9 (DOMAIN_...).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from imgtools.change.change import RegistrySet
from imgtools.errors import OddGuest
from imgtools.guest.windows.registry import Registry
from imgtools.guest.windows.sam import ACCOUNTS

OLDEST, PROPERTIES = 0x18, 0x4C  # offsets in F
NUMBERS = {"shortest": 0x50, "history": 0x52, "threshold": 0x54}
SHORTEST_F = 0x58
COMPLEX, CLEARTEXT = 0x01, 0x10  # DOMAIN_PASSWORD_COMPLEX, DOMAIN_PASSWORD_STORE_CLEARTEXT
NO_AGE = -(1 << 63)
DAY = 24 * 60 * 60 * 10**7


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """The value F of the key ``key`` in the hive ``path``."""

    path: str
    key: str
    data: bytes

    @property
    def shortest(self) -> int:
        """How many letters a new password has at least."""
        return self._short(NUMBERS["shortest"])

    @property
    def history(self) -> int:
        """How many old passwords cannot be taken again."""
        return self._short(NUMBERS["history"])

    @property
    def threshold(self) -> int:
        """How many wrong passwords lock an account; 0 is never."""
        return self._short(NUMBERS["threshold"])

    @property
    def oldest(self) -> int | None:
        """After how many days a password expires; None is never."""
        ticks: int = struct.unpack_from("<q", self.data, OLDEST)[0]
        return None if ticks in (0, NO_AGE) or ticks > 0 else -ticks // DAY

    @property
    def is_complex(self) -> bool:
        """Whether a password has to be of several kinds of letters."""
        return bool(self._flags & COMPLEX)

    @property
    def is_reversible(self) -> bool:
        """Whether passwords themselves are kept, not only their hashes."""
        return bool(self._flags & CLEARTEXT)

    def with_number(self, name: str, number: int, what: str) -> RegistrySet:
        """Return the change that sets ``shortest``, ``history`` or ``threshold``; ``what`` that means."""
        data = bytearray(self.data)
        struct.pack_into("<H", data, NUMBERS[name], number)
        return self._set(bytes(data), what)

    def with_complex(self, what: str) -> RegistrySet:
        """Return the change after which a new password is of several kinds of letters."""
        return self._with_flags(self._flags | COMPLEX, what)

    def with_hashes_only(self, what: str) -> RegistrySet:
        """Return the change after which only hashes of new passwords are kept."""
        return self._with_flags(self._flags & ~CLEARTEXT, what)

    def _with_flags(self, flags: int, what: str) -> RegistrySet:
        data = bytearray(self.data)
        struct.pack_into("<I", data, PROPERTIES, flags)
        return self._set(bytes(data), what)

    @property
    def _flags(self) -> int:
        return int(struct.unpack_from("<I", self.data, PROPERTIES)[0])

    def _short(self, offset: int) -> int:
        return int(struct.unpack_from("<H", self.data, offset)[0])

    def _set(self, data: bytes, what: str) -> RegistrySet:
        return RegistrySet(self.path, self.key, "F", "REG_BINARY", data=data, private=True, what=what)


def read_password_policy(registry: Registry) -> PasswordPolicy | None:
    """Return what is wanted of passwords; None if the guest has no SAM.

    :raises OddGuest: it is stored in a way that nobody knows.
    """
    key = registry.find(ACCOUNTS)
    if key is None:
        return None
    place, value = registry.place(ACCOUNTS), key.value("F")
    if value is None or len(value.data) < SHORTEST_F:
        raise OddGuest(f"the policy of passwords is not stored as Windows stores it: {place.name}")
    return PasswordPolicy(place.path, place.key, value.data)
