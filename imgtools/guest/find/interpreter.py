"""The loader that a guest's program names (PT_INTERP). Source: elf(5)."""

from __future__ import annotations

import re
import struct

from imgtools.errors import GuestFileError
from imgtools.files.tree import GuestReader

HEAD = 4096  # bytes; the program headers come right behind the ELF header, and the name behind them
MOST_HEADERS = 64
INTERPRETER = 3  # PT_INTERP


def interpreter_of(files: GuestReader, path: str) -> str:
    """Return the path of the loader that a program names; "" if it is no dynamic ELF program, or is not there."""
    try:
        if not files.is_file(path):
            return ""
        with files.open(path) as stream:
            head = stream.read(HEAD)
    except GuestFileError:
        return ""
    return parse_interpreter(head)


def parse_interpreter(head: bytes) -> str:
    """Return the loader's path from the first bytes of a program; "" if they name none."""
    if len(head) < 64 or head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] not in (1, 2):
        return ""
    order, is_64 = "<" if head[5] == 1 else ">", head[4] == 2
    place = struct.unpack_from(f"{order}Q" if is_64 else f"{order}I", head, 32 if is_64 else 28)[0]
    size, count = struct.unpack_from(f"{order}HH", head, 54 if is_64 else 42)
    for number in range(min(count, MOST_HEADERS)):
        at = place + number * size
        if at + size > len(head) or size < (56 if is_64 else 32):
            return ""
        if struct.unpack_from(f"{order}I", head, at)[0] != INTERPRETER:
            continue
        fields = f"{order}Q16xQ" if is_64 else f"{order}I8xI"
        offset, length = struct.unpack_from(fields, head, at + (8 if is_64 else 4))
        name = head[offset : offset + min(length, 256)].partition(b"\0")[0]
        text = name.decode("ascii", "replace")
        return text if re.fullmatch(r"/[\w./+-]+", text) else ""
    return ""
