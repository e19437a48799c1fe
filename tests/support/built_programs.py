"""Programs made for tests, with what Go and cargo-auditable leave in them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence

SIZE = 300_000  # bytes: what is smaller is not looked into

MARK = bytes(range(16))  # some 16 bytes around Go's text about modules


def elf(sections: Mapping[str, tuple[bytes, int]], size: int = SIZE) -> bytes:
    """A 64-bit ELF with these sections: name to content and address."""
    raw, rows = bytearray(64), [(0, 0, 0, 0)]
    names = b"\0"
    for name, (content, address) in sections.items():
        raw += bytes(-len(raw) % 16)
        rows.append((len(names), address, len(raw), len(content)))
        names += name.encode() + b"\0"
        raw += content
    rows.append((len(names), 0, len(raw), len(names) + 10))
    raw += names + b".shstrtab\0"
    at = len(raw)
    for name, address, offset, length in rows:
        raw += struct.pack("<IIQQQQIIQQ", name, 1, 2, address, offset, length, 0, 0, 1, 0)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, at, 0, 64, 0, 0, 64, len(rows), len(rows) - 1)
    raw[:64] = head
    return bytes(raw.ljust(size, b"\0"))


def pe(sections: Mapping[str, bytes], size: int = SIZE) -> bytes:
    """A PE with these sections."""
    raw = bytearray(b"MZ".ljust(60, b"\0") + struct.pack("<I", 64))
    raw += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 0, 0)
    at, table = 4096, b""
    body = bytearray()
    for name, content in sections.items():
        table += name.encode().ljust(8, b"\0")[:8]
        table += struct.pack("<IIII", len(content), 4096, len(content), at + len(body)) + bytes(16)
        body += content + bytes(-len(content) % 16)
    raw += table
    return bytes((bytes(raw.ljust(at, b"\0")) + body).ljust(size, b"\0"))


def go_information(version: str, modules: Sequence[str]) -> bytes:
    """The content of .go.buildinfo since Go 1.18."""
    text = MARK + "".join(f"{line}\n" for line in modules).encode() + MARK
    return b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + _counted(version.encode()) + _counted(text)


def old_go_program(version: str, modules: Sequence[str]) -> bytes:
    """A program of Go before 1.18: pointers to pointers."""
    text = MARK + "".join(f"{line}\n" for line in modules).encode() + MARK
    base = 0x10000
    strings = version.encode() + text
    data = struct.pack("<QQQQ", base + 32, len(version), base + 32 + len(version), len(text)) + strings
    information = b"\xff Go buildinf:\x08\x00" + struct.pack("<QQ", base, base + 16)
    return elf({".go.buildinfo": (information, 0x8000), ".data": (data, base)})


def _counted(content: bytes) -> bytes:
    length, head = len(content), b""
    while length >= 0x80:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return head + bytes([length]) + content


def rust_information(packages: Sequence[Mapping[str, object]]) -> bytes:
    """The content of .dep-v0."""
    return zlib.compress(json.dumps({"packages": list(packages)}).encode())
