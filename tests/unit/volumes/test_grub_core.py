"""GRUB's core image, made as grub-mkimage makes it: read, damaged, and held against the file that it was made of."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.volumes.grub_core import (
    SECTOR,
    Built,
    built_in,
    differences,
    mends_itself,
    read_core,
    unpack_core,
)
from tests.support.grub import CONFIG, PREFIX, core_image, modules
from tests.support.volumes import bytes_volume


def disk(core: bytes, at: int = 1) -> bytes:
    return (bytes(at * SECTOR) + core).ljust(64 * SECTOR, b"\0")


def test_a_whole_one_says_what_it_looks_for() -> None:
    found = read_core(bytes_volume(disk(core_image(1))), 1)
    assert (found.problem, found.built) == ("", Built(PREFIX, CONFIG))
    assert found.stretches[0] == (1, 1) and found.stretches[1][0] == 2


def test_the_image_of_efi_is_read_as_it_is() -> None:
    assert built_in(bytes(1000) + modules(wide=True)) == Built(PREFIX, CONFIG)
    assert built_in(b"nothing of the kind") == Built()


def test_what_is_wrong_with_it() -> None:
    whole = core_image(1)
    problems = [
        read_core(bytes_volume(disk(content)), sector).problem
        for content, sector in (
            (whole, 0),
            (whole, 5000),
            (bytes(5000), 1),
            (b"\1" * 0x150 + bytes(5000), 1),
            (whole[:SECTOR] + bytes(5000), 1),
            (whole[:3000] + bytes(5000), 1),
            (core_image(9000), 1),
        )
    ]
    assert problems == [
        "it would begin at sector 0, which the disk does not have",
        "it would begin at sector 5000, which the disk does not have",
        "its first sector is empty",
        "its first sector does not say where the others are",
        "its second sector is empty",
        "the lengths in its head are impossible" if len(whole) < 3000 else "it does not unpack",
        "its first sector names sectors that the disk does not have",
    ]


def test_it_is_held_against_its_file() -> None:
    installed, original = core_image(2048), core_image()
    assert differences(installed, original) == 0
    changed = installed[:0x900] + b"xyz" + installed[0x903:]
    assert differences(changed, original) == 3
    assert differences(installed[:-5], original) == 5


@given(st.binary(max_size=700), st.integers(0, 3000))
def test_damage_is_told_and_never_raised(noise: bytes, at: int) -> None:
    whole = core_image(1)
    changed = whole[:at] + noise + whole[at + len(noise) :]
    read_core(bytes_volume(disk(changed)), 1)
    unpack_core(changed)
    built_in(modules()[: at % 60] + noise)


SECTORS, ADDED = (
    50,
    40,
)  # of the image, and of the code that mends it: 10 wrong bytes at each place of a sector


def mendable(added: int = ADDED * SECTOR) -> tuple[bytearray, bytes]:
    """An image as it is installed, and its file."""
    original = bytearray(range(256)) * (2 * SECTORS)
    original[SECTOR + 0x10 : SECTOR + 0x16] = struct.pack("<IH", 0, SECTOR)  # two sectors are not mended
    installed = original + bytes(ADDED * SECTOR)
    installed[SECTOR + 0x10 : SECTOR + 0x14] = struct.pack("<I", added)
    return installed, bytes(original)


@pytest.mark.parametrize(
    ("sector", "count", "mended"),
    [
        (2, 0, True),
        (2, 1, True),
        (2, 10, True),
        (2, 11, False),
        (38, 10, True),
        (39, 10, False),  # it may go on behind the image
        (1, 1, False),  # what mends it is not mended itself
    ],
)
def test_grub_mends_so_much_itself(sector: int, count: int, mended: bool) -> None:
    installed, original = mendable()
    at = sector * SECTOR + 0x20
    for place in range(at, at + count * SECTOR):
        installed[place] ^= 0xFF
    assert mends_itself(bytes(installed), original) is mended


def test_what_has_no_code_mends_nothing() -> None:
    installed, original = mendable(added=0)
    installed[3000] ^= 0xFF
    assert not mends_itself(bytes(installed), original)
    assert not mends_itself(bytes(installed[: len(original)]), original)
    assert not mends_itself(bytes(mendable(added=1 << 31)[0]), original), "it says what cannot be"
    assert not mends_itself(b"", b"")
