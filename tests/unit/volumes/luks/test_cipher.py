"""Decryption of sectors: held against another implementation, with the ways that vectors are counted."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from imgtools.volumes.luks.cipher import Cipher, why_unknown
from tests.support.luks import encrypted

CONTENT = random.Random(1).randbytes(32768)
CASES = [
    ("aes-xts-plain64", 64),
    ("aes-xts-plain64", 32),
    ("aes-xts-plain", 64),
    ("aes-cbc-essiv:sha256", 32),
    ("aes-cbc-essiv:sha256", 24),
    ("aes-cbc-essiv:sha256", 16),
    ("aes-cbc-plain64", 32),
    ("aes-cbc-plain", 16),
]


@pytest.mark.parametrize("sector_size", [512, 1024, 2048, 4096])
@pytest.mark.parametrize(("name", "key_size"), CASES)
def test_against_another_implementation(name: str, key_size: int, sector_size: int) -> None:
    key = random.Random(2).randbytes(key_size)
    cipher = Cipher(name, key, sector_size)
    for first in (0, 8, 1 << 31):
        assert cipher.decrypt(encrypted(CONTENT, name, key, sector_size, first), first) == CONTENT
    assert cipher.decrypt(b"", 0) == b""


def test_numbers_of_sectors_wrap_where_the_kernel_lets_them() -> None:
    """plain has 32 bits, plain64 has 64: the tweak of a segment may be any number."""
    key = bytes(range(64))
    sector = CONTENT[:512]
    assert Cipher("aes-xts-plain", key, 512).decrypt(
        encrypted(sector, "aes-xts-plain", key, first=1), (1 << 32) + 1
    ) == sector  # fmt: skip
    far = (1 << 32) + 1
    assert Cipher("aes-xts-plain64", key, 512).decrypt(
        encrypted(sector, "aes-xts-plain64", key, first=far), far
    ) == sector  # fmt: skip
    last = (1 << 64) - 1
    two = encrypted(sector, "aes-xts-plain64", key, first=last) + encrypted(sector, "aes-xts-plain64", key)
    assert Cipher("aes-xts-plain64", key, 512).decrypt(two, last) == sector * 2


def test_several_threads_at_once() -> None:
    key = bytes(range(64))
    cipher = Cipher("aes-xts-plain64", key, 512)
    pieces = {first: encrypted(CONTENT, "aes-xts-plain64", key, 512, first) for first in range(0, 640, 64)}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda first: cipher.decrypt(pieces[first], first), [*pieces] * 5))
    assert found == [CONTENT] * 50


@pytest.mark.parametrize(
    ("name", "key_size", "reason"),
    [
        ("serpent-xts-plain64", 64, "'serpent-xts-plain64' is decrypted by the appliance only"),
        ("twofish-cbc-essiv:sha256", 32, "by the appliance only"),
        ("aes-xts-plain64be", 64, "by the appliance only"),
        ("aes-xts-benbi", 64, "by the appliance only"),
        ("aes-lrw-benbi", 48, "by the appliance only"),
        ("aes-ecb-null", 32, "by the appliance only"),
        ("capi:xts(aes)-plain64", 64, "by the appliance only"),
        ("aes-xts-plain64", 48, "a key of 48 bytes"),
        ("aes-xts-plain64", 63, "a key of 63 bytes"),
        ("aes-cbc-plain64", 64, "a key of 64 bytes"),
        ("\x1b[2J" * 50, 64, "by the appliance only"),
    ],
)
def test_others_are_declined(name: str, key_size: int, reason: str) -> None:
    assert reason in why_unknown(name, key_size)
    with pytest.raises(LookupError):
        Cipher(name, bytes(key_size), 512)
