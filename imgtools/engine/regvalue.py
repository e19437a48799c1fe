"""One value of a registry key: its bytes as a hive stores them, and what they mean by their type."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class RegistryType(IntEnum):
    """Types of registry values (winnt.h: ``REG_SZ`` and so on). A hive may hold other numbers too."""

    NONE = 0
    SZ = 1
    EXPAND_SZ = 2
    BINARY = 3
    DWORD = 4
    DWORD_BIG_ENDIAN = 5
    LINK = 6
    MULTI_SZ = 7
    RESOURCE_LIST = 8
    FULL_RESOURCE_DESCRIPTOR = 9
    RESOURCE_REQUIREMENTS_LIST = 10
    QWORD = 11


TEXT_TYPES = frozenset({RegistryType.SZ, RegistryType.EXPAND_SZ, RegistryType.LINK})
NUMBER_SIZES: dict[int, int] = {
    RegistryType.DWORD: 4,
    RegistryType.DWORD_BIG_ENDIAN: 4,
    RegistryType.QWORD: 8,
}
_NAMES = {int(one): f"REG_{one.name}" for one in RegistryType}


@dataclass(frozen=True, slots=True)
class RegistryValue:
    """One value of a registry key."""

    name: str  # "" is the key's default value
    type: int  # a RegistryType, or a number that only one program knows (SAM keeps user ids there)
    data: bytes

    @property
    def type_name(self) -> str:
        """``REG_SZ`` and so on; a type without a name is ``REG_0x1f4``."""
        return _NAMES.get(self.type) or f"REG_{self.type:#x}"

    @property
    def text(self) -> str | None:
        """The string of SZ, EXPAND_SZ and LINK, up to its NUL; None for every other type."""
        return decode_utf16(self.data).partition("\0")[0] if self.type in TEXT_TYPES else None

    @property
    def texts(self) -> tuple[str, ...] | None:
        """The strings of MULTI_SZ, up to the empty one that ends them; None for every other type."""
        if self.type != RegistryType.MULTI_SZ:
            return None
        found = decode_utf16(self.data).split("\0")
        return tuple(found[: found.index("")]) if "" in found else tuple(found)

    @property
    def number(self) -> int | None:
        """The number of DWORD (4 bytes) and QWORD (8 bytes); None for every other type or length."""
        if not self.data or len(self.data) != NUMBER_SIZES.get(self.type, 0):
            return None
        return int.from_bytes(self.data, "big" if self.type == RegistryType.DWORD_BIG_ENDIAN else "little")

    @property
    def readings(self) -> tuple[str, ...]:
        """What it may be said to contain: its text or texts, its number in both bases, or its bytes read as text."""
        if self.text is not None:
            return (self.text,)
        if self.texts is not None:
            return self.texts
        if self.number is not None:
            return (str(self.number), f"{self.number:#x}")
        return (self.data.decode("latin-1"), decode_utf16(self.data))


def decode_utf16(data: bytes) -> str:
    """Return text as Windows stores it; an odd byte at the end and lone surrogates happen and harm nobody."""
    return data[: len(data) & ~1].decode("utf-16-le", "replace")
