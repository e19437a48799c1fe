"""What an ELF file needs is read, and one that is cut or hostile costs a few reads."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from imgtools.guest.health.elf import Elf, read_elf
from tests.support.elves import elf


def read(raw: bytes) -> Elf | None:
    return read_elf(io.BytesIO(raw), len(raw))


def test_what_a_program_needs() -> None:
    found = read(elf(["libc.so.6", "libm.so.6"], "/lib64/ld-linux-x86-64.so.2", "/usr/lib/systemd:$ORIGIN/x"))
    assert found == Elf(
        "x86_64",
        64,
        "/lib64/ld-linux-x86-64.so.2",
        ("libc.so.6", "libm.so.6"),
        ("/usr/lib/systemd", "$ORIGIN/x"),
    )


def test_damage_is_told() -> None:
    whole = elf(["libc.so.6"])
    assert read(b"#!/bin/sh\n") is None and read(b"text") is None
    assert (found := read(b"")) and found.damage == "it is empty"
    assert (found := read(bytes(100))) and found.damage == "it begins with zeros"
    assert (found := read(whole[:30])) and found.damage == "its header is cut"
    assert (found := read(whole[:100])) and found.damage == "its program headers are beyond its end"
    assert (found := read(whole[:9000])) and found.damage == "it should have 20000 bytes and has 9000"


@given(at=st.integers(0, 0x900), noise=st.binary(min_size=1, max_size=64))
def test_no_bytes_make_it_fail(at: int, noise: bytes) -> None:
    raw = bytearray(elf(["libc.so.6"], "/lib64/ld-linux-x86-64.so.2"))
    raw[at : at + len(noise)] = noise
    read(bytes(raw))
