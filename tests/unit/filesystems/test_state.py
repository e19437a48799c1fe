"""What filesystems say of themselves, field by field, and that no bytes make a reader fail otherwise than by name."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.errors import BadImage
from imgtools.filesystems.state import READERS, Trouble, btrfs_devices, filesystem_state, lost_superblock
from imgtools.volumes.md_superblock import survives
from tests.support.volumes import bytes_volume

SIZE, BLOCK = 1 << 20, 1024
JOURNAL = 100  # block


def ext(**fields: tuple[int, str, int]) -> bytearray:
    """An ext4 of 1 MiB with blocks of 1 KiB and its journal at one block, sound but for ``fields``."""
    raw = bytearray(SIZE)
    sound: tuple[tuple[int, str, int], ...] = (
        (0, "<I", 128), (4, "<I", 1024), (12, "<I", 500), (20, "<I", 1), (24, "<I", 0), (28, "<I", 0), (32, "<I", 8192),
        (36, "<I", 8192), (40, "<I", 128), (56, "<H", 0xEF53), (58, "<H", 1), (76, "<I", 1), (88, "<H", 256),
        (92, "<I", 0x4), (96, "<I", 0x42), (224, "<I", 8), (253, "<B", 1), (0x10C, "<H", 0xF30A), (0x10E, "<H", 1),
        (0x110, "<H", 4), (0x118 + 4, "<H", 64), (0x118 + 8, "<I", JOURNAL),
    )  # fmt: skip
    for at, form, value in (*sound, *fields.values()):
        struct.pack_into(form, raw, 1024 + at, value)
    struct.pack_into(">III", raw, JOURNAL * BLOCK, 0xC03B3998, 4, 1)
    struct.pack_into(">I", raw, JOURNAL * BLOCK + 12, BLOCK)
    return raw


def troubles(raw: bytes | bytearray, content: str = "ext4") -> list[Trouble]:
    return [one.trouble for one in filesystem_state(bytes_volume(bytes(raw)), content)]


def test_a_sound_ext_says_nothing() -> None:
    assert troubles(ext()) == []


@pytest.mark.parametrize(
    ("at", "form", "value", "trouble"),
    [
        (58, "<H", 3, Trouble.ERRORS),
        (4, "<I", 4096, Trouble.SIZE),
        (96, "<I", 0x46, Trouble.REPLAY),
    ],
)
def test_a_field_of_ext(at: int, form: str, value: int, trouble: Trouble) -> None:
    assert troubles(ext(changed=(at, form, value))) == [trouble]


def test_the_error_that_the_kernel_noted_is_told() -> None:
    raw = ext(state=(58, "<H", 3), count=(404, "<I", 7), line=(456, "<I", 321))
    raw[1024 + 424 : 1024 + 437] = b"ext4_find_ent"
    (said,) = filesystem_state(bytes_volume(bytes(raw)), "ext4")
    assert "7 noted" in said.text and "ext4_find_ent, line 321" in said.text


def test_a_journal_that_is_none_and_one_that_noted_an_error() -> None:
    raw = ext()
    raw[JOURNAL * BLOCK : JOURNAL * BLOCK + 4] = bytes(4)
    assert troubles(raw) == [Trouble.JOURNAL]
    raw = ext()
    struct.pack_into(">i", raw, JOURNAL * BLOCK + 32, -5)
    assert troubles(raw) == [Trouble.ERRORS]


def test_a_copy_of_a_lost_superblock_is_found() -> None:
    raw = bytearray(9 << 20)
    copy = 8193 * 1024
    assert lost_superblock(bytes_volume(bytes(raw))) == 0
    struct.pack_into("<H", raw, copy + 56, 0xEF53)
    struct.pack_into("<H", raw, copy + 90, 1)
    assert lost_superblock(bytes_volume(bytes(raw))) == copy


def test_xfs_that_must_not_be_mounted() -> None:
    raw = bytearray(4096)
    raw[:4] = b"XFSB"
    raw[126] = 1
    struct.pack_into(">H", raw, 100, 5)
    struct.pack_into(">I", raw, 216, 0x10)
    assert troubles(raw, "xfs") == [Trouble.DAMAGED, Trouble.DAMAGED]


def test_btrfs_flags_size_and_devices() -> None:
    raw = bytearray(128 << 10)
    raw[(64 << 10) + 64 : (64 << 10) + 72] = b"_BHRfS_M"
    struct.pack_into("<Q", raw, (64 << 10) + 56, 4)
    struct.pack_into("<Q", raw, (64 << 10) + 0x70, 1 << 40)
    struct.pack_into("<Q", raw, (64 << 10) + 0x88, 1)
    assert troubles(raw, "btrfs") == [Trouble.ERRORS, Trouble.SIZE]
    assert btrfs_devices(bytes_volume(bytes(raw))) == 1


@given(
    content=st.sampled_from(sorted(READERS)), seed=st.binary(min_size=512, max_size=4096), magic=st.booleans()
)
def test_no_bytes_make_it_fail(content: str, seed: bytes, magic: bool) -> None:
    raw = bytearray((seed * (SIZE // len(seed) + 1))[:SIZE])
    if magic:
        struct.pack_into("<H", raw, 1024 + 56, 0xEF53)
        raw[:4] = b"XFSB"
    try:
        filesystem_state(bytes_volume(bytes(raw)), content)
        lost_superblock(bytes_volume(bytes(raw)))
    except BadImage:
        pass


# -- software RAID -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "wanted", "there", "expected"),
    [(0, 2, 1, False), (1, 2, 1, True), (5, 3, 2, True), (5, 3, 1, False), (6, 4, 2, True), (10, 4, 2, True)],
)
def test_what_an_array_can_do_without(level: int, wanted: int, there: int, expected: bool) -> None:
    assert survives(level, wanted, there) is expected
