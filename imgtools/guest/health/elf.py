"""Whether an ELF file is whole, and what it needs to start: loader and libraries.

Source: the System V ABI, chapters 4 and 5 (/usr/include/elf.h). Bounded: hostile headers cost a few reads.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from imgtools.guest.find.architecture import elf_architecture

LOAD, DYNAMIC, INTERPRETER = 1, 2, 3
NEEDED, STRINGS, STRINGS_SIZE, RPATH, RUNPATH = 1, 5, 10, 15, 29
MOST_HEADERS, MOST_DYNAMIC, MOST_STRINGS = 256, 4096, 1 << 20
FARTHEST = 1 << 40  # bytes: no program is larger


class Elf(NamedTuple):
    """What an ELF file says of itself. ``damage`` says why it cannot be started, "" if nothing is seen."""

    architecture: str = ""
    bits: int = 0
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    run_path: tuple[str, ...] = ()
    damage: str = ""


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    size: int


def read_elf(stream: BinaryIO, size: int) -> Elf | None:
    """Return what an ELF file says; None if the file is none (a script).

    :param size: of the file, in bytes.
    """
    head = stream.read(64)
    if head[:2] == b"#!":
        return None
    if not any(head):
        return Elf(damage="it is empty" if not size else "it begins with zeros")
    architecture = elf_architecture(head)
    if len(head) < 52 or not architecture:
        return None if head[:4] != b"\x7fELF" else Elf(damage="its header is cut")
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    segments = _segments(stream, head, wide, order)
    bits = 64 if wide else 32
    if segments is None:
        return Elf(architecture, bits, damage="its program headers are beyond its end")
    end = max((one.offset + one.size for one in segments if one.kind == LOAD), default=0)
    if end > size:
        return Elf(architecture, bits, damage=f"it should have {end} bytes and has {size}")
    found = Elf(architecture, bits, _interpreter(stream, segments))
    return _with_dynamic(found, stream, segments, wide, order)


def _read(stream: BinaryIO, at: int, length: int) -> bytes:
    if at > FARTHEST:
        return b""
    stream.seek(at)
    return stream.read(length)


def _segments(stream: BinaryIO, head: bytes, wide: bool, order: str) -> list[_Segment] | None:
    """Return the program headers; None if the file ends before them."""
    (at,) = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", head, 32 if wide else 28)
    length, count = struct.unpack_from(f"{order}HH", head, 54 if wide else 42)
    usual = 56 if wide else 32
    if not at or not count or length != usual or count > MOST_HEADERS:
        return []
    raw = _read(stream, at, length * count)
    if len(raw) < length * count:
        return None
    found = []
    for start in range(0, len(raw), length):
        if wide:
            kind, _flags, offset, address, _physical, size = struct.unpack_from(f"{order}IIQQQQ", raw, start)
        else:
            kind, offset, address, _physical, size = struct.unpack_from(f"{order}IIIII", raw, start)
        found.append(_Segment(kind, offset, address, size))
    return found


def _interpreter(stream: BinaryIO, segments: list[_Segment]) -> str:
    for one in segments:
        if one.kind == INTERPRETER and 0 < one.size <= 4096:
            return _read(stream, one.offset, one.size).split(b"\0")[0].decode("utf-8", "replace")
    return ""


def _with_dynamic(found: Elf, stream: BinaryIO, segments: list[_Segment], wide: bool, order: str) -> Elf:
    dynamic = next((one for one in segments if one.kind == DYNAMIC), None)
    if dynamic is None:
        return found
    pair = struct.Struct(f"{order}{'qQ' if wide else 'iI'}")
    raw = _read(stream, dynamic.offset, min(dynamic.size, MOST_DYNAMIC * pair.size))
    tags: dict[int, list[int]] = {}
    for tag, value in pair.iter_unpack(raw[: len(raw) // pair.size * pair.size]):
        tags.setdefault(tag, []).append(value)
        if tag == 0:
            break
    strings = _strings(stream, segments, tags)
    names = tuple(_text(strings, at) for at in tags.get(NEEDED, ()))
    paths = [_text(strings, at) for at in (*tags.get(RUNPATH, ()), *tags.get(RPATH, ()))]
    folders = tuple(folder for path in paths for folder in path.split(":") if folder)
    return found._replace(needed=tuple(name for name in names if name), run_path=folders)


def _strings(stream: BinaryIO, segments: list[_Segment], tags: dict[int, list[int]]) -> bytes:
    address, size = tags.get(STRINGS, [0])[0], tags.get(STRINGS_SIZE, [0])[0]
    for one in segments:
        if one.kind == LOAD and one.address <= address < one.address + one.size:
            return _read(stream, one.offset + address - one.address, min(size, MOST_STRINGS))
    return b""


def _text(strings: bytes, at: int) -> str:
    end = strings.find(b"\0", at)
    return strings[at:end].decode("utf-8", "replace") if 0 <= at < end else ""
