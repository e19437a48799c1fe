r"""Whether a Windows program or driver is whole: its headers, and what they say that the file holds.

Source: "PE Format" (learn.microsoft.com): the DOS stub's ``e_lfanew``, COFF header, optional header, section table,
certificate table (data directory 4, whose address is a place in the file).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from imgtools.errors import GuestFileError
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.system import MACHINES

HEAD = 64 << 10  # bytes that are read: headers are at the beginning, in some 1 KiB
STUB, COFF = 0x40, 24  # with the signature
DIRECTORIES = {0x10B: 96, 0x20B: 112}  # Magic of PE32 and PE32+: where their data directories begin
CERTIFICATES = 4
SECTION = 40
MOST_SECTIONS = 96  # of the loader since Vista


@dataclass(frozen=True, slots=True)
class Program:
    """``machine`` is the processor that it is for, "" where not known; ``problem`` says what is not whole, or ""."""

    machine: str = ""
    problem: str = ""


def examine_program(files: GuestReader, path: str) -> Program | None:
    """Return the state of a program; None if its content cannot be read here, as that of a compressed system file.

    :raises NoSuchGuestFile: there is none.
    """
    size = files.stat(path).size
    try:
        with files.open(path) as stream:
            return read_program(stream, size)
    except GuestFileError:
        return None


def read_program(stream: BinaryIO, size: int) -> Program:
    """Return the state of a program of ``size`` bytes."""
    head = stream.read(HEAD)
    if not head:
        return Program(problem="it is empty")
    if not head.strip(b"\0"):
        return Program(problem="there are only zeros in it")
    if head[:2] != b"MZ" or len(head) < STUB:
        return Program(problem="it is no program: it does not begin with MZ")
    at = struct.unpack_from("<I", head, 0x3C)[0]
    if at + COFF > len(head) or head[at : at + 4] != b"PE\0\0":
        return Program(problem="it has no PE header")
    machine, sections = struct.unpack_from("<HH", head, at + 4)
    (optional,) = struct.unpack_from("<H", head, at + 20)
    name = MACHINES.get(machine, "")
    if sections > MOST_SECTIONS or at + COFF + optional + sections * SECTION > len(head):
        return Program(name, "its section table is damaged")
    end = max(_ends(head, at + COFF, optional, sections), default=0)
    return Program(name, f"it is cut off: it has {size} bytes of {end}" if end > size else "")


def _ends(head: bytes, at: int, optional: int, sections: int) -> list[int]:
    """Where the parts of the file end: its sections, and its signature behind them."""
    found = []
    for number in range(sections):
        length, place = struct.unpack_from("<II", head, at + optional + number * SECTION + 16)
        found.append(place + length if place else 0)
    magic = int.from_bytes(head[at : at + 2], "little") if optional >= 2 else 0
    directory = DIRECTORIES.get(magic, optional) + CERTIFICATES * 8
    if directory + 8 <= optional:
        place, length = struct.unpack_from("<II", head, at + directory)
        found.append(place + length if place else 0)
    return found
