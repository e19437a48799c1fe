"""Which events a Windows guest writes into its security log: the value of ``SECURITY\\Policy\\PolAdtEv`` since Vista.

A header of 12 bytes (how many categories, where their counts begin), for each subcategory 16 bits (1 success, 2
failure), then for each category how many subcategories it has. Sources: www.kazamiya.net/en/poladtev, auditpol of
RegRipper and of dissect.target. Newer Windows put new subcategories behind the old ones of their category, so that
what stands before keeps its place.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from imgtools.change.change import RegistrySet
from imgtools.errors import OddGuest
from imgtools.guest.windows.registry import MACHINE, Registry

KEY = rf"{MACHINE}\SECURITY\Policy\PolAdtEv"
HEADER = struct.Struct("<HHII")
MOST = 64  # subcategories of a category; Windows has up to 14
SPARE = 8  # bytes between the settings and the counts; Windows leaves 2
SUCCESS, FAILURE = 1, 2
WORDS = {0: "nothing", 1: "success", 2: "failure", 3: "success and failure"}
# Category (its place), and the place of the subcategory in it.
SUBCATEGORIES = {
    "Security State Change": (0, 0), "Security System Extension": (0, 1), "System Integrity": (0, 2),
    "Logon": (1, 0), "Logoff": (1, 1), "Account Lockout": (1, 2), "Special Logon": (1, 4),
    "Removable Storage": (2, 12), "Sensitive Privilege Use": (3, 0), "Process Creation": (4, 0),
    "Audit Policy Change": (5, 0), "Authentication Policy Change": (5, 1),
    "User Account Management": (6, 0), "Security Group Management": (6, 2), "Credential Validation": (8, 0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """The value that holds the policy, and where in it the settings of each category begin."""

    path: str
    key: str
    type: int
    data: bytes
    starts: tuple[int, ...]
    counts: tuple[int, ...]

    def of(self, name: str) -> int | None:
        """Return what is written of a subcategory, 1 | 2; None if this Windows does not know it."""
        at = self._offset(name)
        return None if at is None else int(struct.unpack_from("<H", self.data, at)[0]) & 3

    def with_also(self, name: str, flags: int) -> RegistrySet:
        """Return the change after which this is written of a subcategory, too."""
        data, at = bytearray(self.data), self._offset(name)
        if at is not None:
            struct.pack_into("<H", data, at, struct.unpack_from("<H", data, at)[0] | flags)
        return RegistrySet(self.path, self.key, "", str(self.type), data=bytes(data), what=f"audit {name}")

    def _offset(self, name: str) -> int | None:
        category, place = SUBCATEGORIES[name]
        if category >= len(self.starts) or place >= self.counts[category]:
            return None
        return self.starts[category] + 2 * place


def read_audit_policy(registry: Registry) -> AuditPolicy | None:
    """Return the policy; None if the guest keeps none, or none of this kind (before Vista).

    :raises OddGuest: it is stored in a way that nobody knows.
    """
    key = registry.find(KEY)
    value = key.value("") if key is not None else None
    if value is None:
        return None
    place, data = registry.place(KEY), value.data
    odd = OddGuest(f"the audit policy is not stored as Windows stores it: {place.name}")
    if len(data) < HEADER.size:
        raise odd
    _flag, _zero, categories, footer = HEADER.unpack_from(data)
    if not 1 <= categories <= MOST or footer < HEADER.size or footer + 2 * categories > len(data):
        raise odd
    counts = struct.unpack_from(f"<{categories}H", data, footer)
    starts = tuple(HEADER.size + 2 * sum(counts[:number]) for number in range(categories))
    if (
        not all(1 <= one <= MOST for one in counts)
        or not 0 <= footer - HEADER.size - 2 * sum(counts) <= SPARE
    ):
        raise odd
    return AuditPolicy(place.path, place.key, value.type, data, starts, counts)
