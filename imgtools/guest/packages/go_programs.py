"""What a Go program was built of: its modules and the version of Go, as ``go version -m`` shows them.

Source: Go's debug/buildinfo (buildinfo.go) and runtime/debug (BuildInfo.String).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from imgtools.guest.packages.manifests import one_line
from imgtools.guest.packages.program_sections import Program, Section
from imgtools.guest.packages.purls import language_purl
from imgtools.records.components import Component, ComponentKind

SECTION = ".go.buildinfo"
MAGIC = b"\xff Go buildinf:"
MOST_INFO = 4 << 20  # bytes: a program of 2,000 modules has 200 kB
SEARCHED = 1 << 20  # bytes of the data of a PE in which the information is looked for
MOST_MODULES = 20_000
INLINE, BIG = (
    2,
    1,
)  # flags behind the magic: the texts follow themselves (since Go 1.18); order of bytes before


def read_go(program: Program, path: str) -> Iterator[Component]:
    """Yield Go's standard library, the program's own module, and those that it was built of."""
    info = _build_info(program)
    if info is None:
        return
    version, modules = info
    match = re.match(r"go(\d+\.\d+[\w.]*)", version)
    if match:
        yield _component("stdlib", match[1].partition(" ")[0], path)
    found: list[tuple[str, str]] = []
    for line in modules.split("\n")[:MOST_MODULES]:
        kind, *fields = line.split("\t")
        if kind in ("mod", "dep") and len(fields) >= 2:
            found.append((fields[0], fields[1]))
        elif kind == "=>" and len(fields) >= 2 and found:
            found[-1] = (fields[0], fields[1])  # what stands before was replaced by it
    for name, number in found:
        yield _component(one_line(name), "" if number == "(devel)" else one_line(number), path)


def _component(name: str, version: str, path: str) -> Component:
    purl = language_purl("golang", name, version)
    return Component(ComponentKind.GO, name, version, purl, paths=(path,))


def _build_info(program: Program) -> tuple[str, str] | None:
    """Return Go's version and the lines about modules; None for a program that is not Go's."""
    place = _place(program)
    head = b"" if place is None else program.stream_at(place, 32)
    if place is None or head[:14] != MAGIC:
        return None
    if head[15] & INLINE:
        content = program.stream_at(place + 32, MOST_INFO)
        version, rest = _text(content)
        modules, _rest = _text(rest)
    else:
        order, size = ">" if head[15] & BIG else "<", head[14]
        version, modules = (_pointed(program, head, at, size, order) for at in (16, 16 + size))
    return version.decode("utf-8", "replace"), _without_marks(modules).decode("utf-8", "replace")


def _place(program: Program) -> int | None:
    """Return where in the file the information begins."""
    known = program.sections.get(SECTION)
    if known is not None:
        return known.offset
    data: Section | None = program.sections.get(".data") if program.is_pe else None
    if data is None:
        return None
    content = program.stream_at(data.offset, min(data.size, SEARCHED))
    at = content.find(MAGIC)
    return data.offset + at if at >= 0 and at % 16 == 0 else None


def _text(content: bytes) -> tuple[bytes, bytes]:
    """Read a text behind its length, which is written in groups of seven bits; return it and what follows."""
    length, shift, at = 0, 0, 0
    while at < min(len(content), 5):
        byte = content[at]
        length |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            break
    return content[at : at + length], content[at + length :]


def _pointed(program: Program, head: bytes, at: int, size: int, order: str) -> bytes:
    """Read a text of Go before 1.18: a pointer to a pair of a pointer and a length."""
    if size not in (4, 8):
        return b""
    word = struct.Struct(f"{order}{'Q' if size == 8 else 'I'}")
    pair = program.read_address(word.unpack_from(head, at)[0], 2 * size) if at + size <= len(head) else b""
    if len(pair) < 2 * size:
        return b""
    address, length = word.unpack_from(pair)[0], word.unpack_from(pair, size)[0]
    return program.read_address(address, length) if length <= MOST_INFO else b""


def _without_marks(modules: bytes) -> bytes:
    """Take away the 16 bytes before and behind, by which Go finds the text in memory."""
    return modules[16:-16] if len(modules) >= 33 and modules[-17:-16] == b"\n" else b""
