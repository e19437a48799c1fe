"""The checksum of cksum(1), which virt-ls calls crc: POSIX' CRC with the length behind the bytes."""

from __future__ import annotations

POLYNOMIAL = 0x04C11DB7  # IEEE Std 1003.1, cksum


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ POLYNOMIAL if value & 0x80000000 else value << 1) & 0xFFFFFFFF
        table.append(value)
    return tuple(table)


TABLE = _table()


class Cksum:
    """A running checksum with the methods of hashlib's."""

    def __init__(self) -> None:
        self._value = 0
        self._length = 0

    def update(self, chunk: bytes) -> None:
        """Take further bytes."""
        value = self._value
        for byte in chunk:
            value = (value << 8 & 0xFFFFFFFF) ^ TABLE[value >> 24 ^ byte]
        self._value = value
        self._length += len(chunk)

    def hexdigest(self) -> str:
        """Return the sum, in decimal as cksum has it."""
        value, length = self._value, self._length
        while length:
            value = (value << 8 & 0xFFFFFFFF) ^ TABLE[value >> 24 ^ length & 0xFF]
            length >>= 8
        return str(value ^ 0xFFFFFFFF)
