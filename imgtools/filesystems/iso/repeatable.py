"""What libisofs takes from the clock and from the host's files, whatever moment is said to be now.

Where it keeps hard links, the root has the attribute ``isofs.st``: when the making of the image began, in seconds since
1970 in digits. And files are numbered in the order of the inodes that they had on the host. Source: libisofs,
doc/susp_aaip_2_0.txt (the fields AL) and doc/susp_aaip_isofs_names.txt; IEEE P1282, 4.1.1 (PX).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

from imgtools.filesystems.iso.record import (
    DIRECTORY,
    SECTOR,
    Record,
    parse_directory,
    parse_record,
    susp_entries,
)

FIRST_DESCRIPTOR, ROOT_RECORD = 16 * SECTOR, 156  # ECMA-119 6.7.1 and 8.4
# A component is its flags, its length and its bytes; a name in the namespace "isofs." begins with the byte 3.
NAME = b"\x00\x03\x04st\x00"
NUMBERED, NUMBER = 44, 36  # bytes of a PX with a number, and where that is in it


def make_repeatable(host_path: Path, moment: int) -> None:
    """Let an image that was made just now tell neither when, nor of which files: it began at ``moment``."""
    with host_path.open("r+b") as stream:
        root = parse_record(_read(stream, FIRST_DESCRIPTOR, SECTOR)[ROOT_RECORD:])
        _set_time(stream, root, moment)
        _number(stream, root)


def _set_time(stream: BinaryIO, root: Record, moment: int) -> None:
    own = parse_record(_read(stream, root.extent * SECTOR, SECTOR))
    areas: list[tuple[int, int]] = []

    def area(offset: int, size: int) -> bytes:
        areas.append((offset, size))
        return _read(stream, offset, size)

    if not any(entry[:2] == b"AL" and NAME in entry for entry in susp_entries(own.system_use, area)):
        return
    for offset, size in areas:
        raw = _read(stream, offset, size)
        at = raw.find(NAME) + len(NAME)
        if at >= len(NAME):
            digits = raw[at]
            os.pwrite(stream.fileno(), b"%0*d" % (digits, moment % 10**digits), offset + at + 1)


def _number(stream: BinaryIO, root: Record) -> None:
    """Number files in the order of their names, level by level; what had one number has one number again."""
    numbers: dict[int, int] = {}
    todo = [root]
    for folder in todo:
        offset = folder.extent * SECTOR
        raw = bytearray(_read(stream, offset, folder.size))
        for at, record in parse_directory(bytes(raw)):
            place = _number_at(raw, at + record.length - len(record.system_use), at + record.length)
            if place:
                (old,) = struct.unpack_from("<I", raw, place)
                new = numbers.setdefault(old, len(numbers) + 1)
                struct.pack_into("<I", raw, place, new)
                struct.pack_into(">I", raw, place + 4, new)
            if record.flags & DIRECTORY and record.name not in (b"\x00", b"\x01"):
                todo.append(record)
        os.pwrite(stream.fileno(), raw, offset)


def _number_at(raw: bytes | bytearray, at: int, end: int) -> int:
    """Return where the number of a file is, in the fields of its record; 0: it has none there."""
    while at + 4 <= end and raw[at + 2] >= 4:
        if raw[at : at + 2] == b"PX" and raw[at + 2] == NUMBERED:
            return at + NUMBER
        at += raw[at + 2]
    return 0


def _read(stream: BinaryIO, offset: int, size: int) -> bytes:
    stream.seek(offset)
    return stream.read(size)
