"""ELF files made for tests: a header, program headers, a dynamic section with the names of libraries."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def elf(
    needed: Sequence[str] = (), interpreter: str = "", run_path: str = "", *, size: int = 20_000
) -> bytes:
    """A 64-bit ELF of x86_64 that is ``size`` bytes long, all of it loaded."""
    strings, places = b"\0", []
    for name in (*needed, *((run_path,) if run_path else ())):
        places.append(len(strings))
        strings += name.encode() + b"\0"
    tags = [(1, place) for place in places[: len(needed)]] + ([(29, places[-1])] if run_path else [])
    dynamic = b"".join(struct.pack("<qQ", *pair) for pair in (*tags, (5, 0x800), (10, len(strings)), (0, 0)))
    headers = [(1, 0, size), (2, 0x400, len(dynamic))]
    if interpreter:
        headers.append((3, 0x200, len(interpreter) + 1))
    head = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(headers), 0, 0, 0)
    )
    raw = bytearray(size)
    raw[:64] = head
    for number, (kind, offset, length) in enumerate(headers):
        struct.pack_into(
            "<IIQQQQQQ", raw, 64 + 56 * number, kind, 5, offset, offset, offset, length, length, 1
        )
    raw[0x200 : 0x200 + len(interpreter)] = interpreter.encode()
    raw[0x400 : 0x400 + len(dynamic)] = dynamic
    raw[0x800 : 0x800 + len(strings)] = strings
    return bytes(raw)
