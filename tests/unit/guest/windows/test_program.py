"""Whether a program is whole, by its headers."""

from __future__ import annotations

import io
import struct

import pytest

from fixtures.ailments.windows import cut_program
from fixtures.executables import pe
from imgtools.guest.windows.program import examine_program, read_program
from tests.support.memory import memory_files


def of(content: bytes) -> tuple[str, str]:
    found = read_program(io.BytesIO(content), len(content))
    return found.machine, found.problem


@pytest.mark.parametrize("machine", ["x86_64", "i386", "aarch64"])
def test_a_whole_program_has_its_machine(machine: str) -> None:
    assert of(pe(machine)) == (machine, "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (bytes(4096), "there are only zeros in it"),
        (b"#!/bin/sh\n" * 20, "it is no program: it does not begin with MZ"),
        (b"MZ" + bytes(10), "it is no program: it does not begin with MZ"),
        (b"MZ" + b"\xff" * 200, "it has no PE header"),
        (pe("x86_64")[:0x90], "it has no PE header"),
        (cut_program(), "it is cut off: it has 1024 bytes of 37888"),
    ],
)
def test_what_is_not_whole_says_why(content: bytes, problem: str) -> None:
    assert of(content)[1] == problem


def test_a_section_table_beyond_the_headers_is_damaged() -> None:
    content = bytearray(pe("x86_64"))
    struct.pack_into("<H", content, 0x80 + 6, 0xFFFF)
    assert of(bytes(content)) == ("x86_64", "its section table is damaged")


def test_a_signature_that_is_missing_at_the_end_is_a_cut() -> None:
    content = bytearray(pe("x86_64"))
    struct.pack_into("<II", content, 0x80 + 24 + 112 + 4 * 8, 1024, 8000)
    assert of(bytes(content)) == ("x86_64", "it is cut off: it has 1024 bytes of 9024")


def test_a_program_of_a_guest() -> None:
    found = examine_program(memory_files({"/winload.efi": pe("x86_64")}), "/winload.efi")
    assert found is not None
    assert (found.machine, found.problem) == ("x86_64", "")
