"""Programs of EFI's: processor, sections, and the length that they have to have."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from fixtures.executables import pe
from imgtools.volumes.pe import read_pe


def with_sections(*sections: tuple[str, int, int]) -> bytes:
    """A program with sections of these names, places and sizes."""
    head = bytearray(pe("x86_64"))
    struct.pack_into("<H", head, 0x80 + 6, len(sections))
    for number, (name, start, size) in enumerate(sections):
        place = 0x80 + 24 + 240 + number * 40
        struct.pack_into("<8sIIII", head, place, name.encode(), size, 0, size, start)
    return bytes(head)


def test_sections_say_how_long_it_is() -> None:
    found = read_pe(with_sections((".text", 1024, 2048), ("mods", 3072, 512)), 4000)
    assert found is not None
    assert (found.machine, found.end, [one.name for one in found.sections]) == (
        0x8664,
        3584,
        [".text", "mods"],
    )
    assert found.section("mods") == found.sections[1]
    assert found.section(".linux") is None


def test_what_is_none() -> None:
    assert [read_pe(head, 100) for head in (b"", b"MZ", b"MZ" + bytes(100), pe("i386")[:0x90])] == [None] * 4


@given(st.binary(max_size=300), st.integers(0, 300))
def test_noise_is_told_and_never_raised(noise: bytes, at: int) -> None:
    whole = with_sections((".text", 1024, 2048))
    read_pe(whole[:at] + noise + whole[at + len(noise) :], 4000)
