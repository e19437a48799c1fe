"""Portable executables, which all of EFI's programs are: their processor, their sections, and how long they are.

Source: "PE Format" of Microsoft, "COFF File Header" and "Section Table".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAX_SECTIONS = 96  # as Windows; a unified kernel image has a dozen
SECTION = struct.Struct("<8sIIII")  # name, virtual size, address, raw size, raw place
PE_MACHINES = {
    0x14C: "i386",
    0x8664: "x86_64",
    0xAA64: "aarch64",
    0x1C2: "arm",
    0x5064: "riscv64",
    0x6264: "loongarch64",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its name, and where its bytes are in the file. ``used`` is how many of them mean something."""

    name: str
    start: int
    size: int
    used: int


@dataclass(frozen=True, slots=True)
class PeImage:
    """``end`` is where the last section ends; a file that is shorter has been cut."""

    machine: int
    sections: tuple[Section, ...]

    @property
    def end(self) -> int:
        """The length that the file has to have, in bytes."""
        return max((one.start + one.size for one in self.sections), default=0)

    def section(self, name: str) -> Section | None:
        """Return the first section of a name."""
        return next((one for one in self.sections if one.name == name), None)


def read_pe(head: bytes, size: int) -> PeImage | None:
    """Read the headers in the first bytes of a file of ``size`` bytes; None if it is no PE image."""
    if len(head) < 64 or head[:2] != b"MZ":
        return None
    (at,) = struct.unpack_from("<I", head, 0x3C)
    if at + 24 > len(head) or head[at : at + 4] != b"PE\0\0":
        return None
    machine, count, optional = struct.unpack_from("<HH12xH", head, at + 4)
    table = at + 24 + optional
    sections = []
    for number in range(min(count, MAX_SECTIONS)):
        place = table + number * 40
        if place + 40 > len(head):
            return None
        name, used, _address, length, start = SECTION.unpack_from(head, place)
        text = name.rstrip(b"\0").decode("ascii", "replace")
        sections.append(Section(text, start, length, min(used, length) or length))
    return PeImage(machine, tuple(sections))
