"""GRUB's core image, made as grub-mkimage makes it: read, damaged, and held against the file that it was made of."""

from __future__ import annotations

import lzma
import struct

from hypothesis import given
from hypothesis import strategies as st

from imgtools.volumes.grub_core import (
    SECTOR,
    USUAL_START,
    Built,
    built_in,
    differences,
    read_core,
    unpack_core,
)
from tests.support.volumes import bytes_volume

PREFIX, CONFIG = "(,gpt1)/boot/grub", "search.fs_uuid 0123-4567 root\n"


def modules(wide: bool = False) -> bytes:
    """The modules of an image behind their header, of a processor with 32 or 64 bits."""
    texts = [(0, b"\x7fELF module"), (2, CONFIG.encode() + b"\0"), (3, PREFIX.encode() + b"\0")]
    body = b"".join(struct.pack("<II", kind, 8 + len(text)) + text for kind, text in texts)
    size = 24 if wide else 12
    head = struct.pack("<4s4xQQ" if wide else "<4sII", b"mimg", size, size + len(body))
    return head + body


def core_image(first_sector: int = 0) -> bytes:
    """A core image, with the list of its sectors if they are told."""
    kernel = bytes(range(256)) * 8 + modules()
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    packed = lzma.compress(kernel, lzma.FORMAT_RAW, filters=filters)
    image = bytearray(b"\x52\x56".ljust(USUAL_START, b"\x90") + packed)
    struct.pack_into("<II", image, SECTOR + 8, len(packed), len(kernel))
    sectors = -(-len(image) // SECTOR) - 1
    image[0x150:SECTOR] = bytes(SECTOR - 0x150)
    struct.pack_into("<QHH", image, 0x1F4, first_sector + 1, sectors, 0x820)
    return bytes(image)


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
