"""The four checksums of btrfs (enum btrfs_csum_type), each as a function from bytes to the bytes that are stored.

Which library computes which, and why: docs/decisions/btrfs-reader.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple


class Checksum(NamedTuple):
    """One of them: its name, its size in bytes, and how it is computed."""

    name: str
    size: int
    of: Callable[[bytes], bytes]


def _crc32c() -> Callable[[bytes], bytes]:
    from google_crc32c import value

    return lambda content: int(value(content)).to_bytes(4, "little")


def _xxhash64() -> Callable[[bytes], bytes]:
    from xxhash import xxh64_intdigest

    return lambda content: xxh64_intdigest(content).to_bytes(8, "little")


def _sha256() -> Callable[[bytes], bytes]:
    return lambda content: hashlib.sha256(content).digest()


def _blake2b() -> Callable[[bytes], bytes]:
    return lambda content: hashlib.blake2b(content, digest_size=32).digest()


# By the number in the superblock. A library is imported when a filesystem wants it.
_KINDS = (
    ("crc32c", 4, _crc32c),
    ("xxhash64", 8, _xxhash64),
    ("sha256", 32, _sha256),
    ("blake2b", 32, _blake2b),
)


def checksum(number: int) -> Checksum | None:
    """The checksum of that number; None: there is none.

    :raises ImportError: the library for it is not installed.
    """
    if number >= len(_KINDS):
        return None
    name, size, make = _KINDS[number]
    return Checksum(name, size, make())
