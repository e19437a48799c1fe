"""Package headers of rpm, as they are in its databases and in package files: tags with typed values.

Source: rpm's lib/header.c and docs/manual/format_v4.md. All numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import BinaryIO

from imgtools.errors import EngineFailed

MAGIC = b"\x8e\xad\xe8\x01\0\0\0\0"
MAX_TAGS = 65536  # rpm: HEADER_TAGS_MAX
MAX_HEADER = 256 << 20  # bytes, rpm: HEADER_DATA_MAX
NUMBERS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "Q"}  # char, int8 ... int64
STRING, BINARY, STRING_ARRAY, I18N_STRING = 6, 7, 8, 9

Values = list[int] | list[str]


def read_exported(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the headers that ``rpmdb --exportdb`` writes, without their magic.

    :raises EngineFailed: something else is there, or the last one is cut off.
    """
    while head := stream.read(16):
        if len(head) < 16 or head[:8] != MAGIC:
            raise EngineFailed("an rpm header does not begin as one", hint="the database is damaged")
        entries, size = struct.unpack(">II", head[8:])
        length = entries * 16 + size
        if entries > MAX_TAGS or length > MAX_HEADER:
            raise EngineFailed(f"an rpm header of {length} bytes", hint="the database is damaged or hostile")
        body = stream.read(length)
        if len(body) < length:
            raise EngineFailed("an rpm header is cut off", hint="the database is damaged")
        yield head[8:] + body


def header_values(blob: bytes, wanted: Collection[int]) -> dict[int, Values]:
    """Return the wanted tags of a header; of translated texts the first, which is English.

    :raises EngineFailed: it is damaged.
    """
    if len(blob) < 8:
        raise EngineFailed("an rpm header of less than 8 bytes", hint="the database is damaged")
    entries, size = struct.unpack_from(">II", blob)
    data = 8 + entries * 16
    if entries > MAX_TAGS or data + size > len(blob):
        raise EngineFailed(
            f"an rpm header with {entries} tags in {len(blob)} bytes", hint="the database is damaged"
        )
    found: dict[int, Values] = {}
    for tag, kind, offset, count in struct.iter_unpack(">IIII", blob[8:data]):
        if tag in wanted and tag not in found:
            found[tag] = _values(blob, kind, data + offset, count, data + size, tag)
    return found


def _values(blob: bytes, kind: int, at: int, count: int, end: int, tag: int) -> Values:
    if kind in NUMBERS:
        layout = struct.Struct(f">{min(count, end)}{NUMBERS[kind]}")
        if at + layout.size > end or count > end:
            raise _damaged(tag)
        return list(layout.unpack_from(blob, at))
    if kind not in (STRING, STRING_ARRAY, I18N_STRING) or at >= end or count > end - at:
        raise _damaged(tag)
    wanted = count if kind == STRING_ARRAY else 1
    # The strings lie behind each other; what follows them is of other tags, so it is not split.
    parts = blob[at:end].split(b"\0", wanted)
    if len(parts) <= wanted:
        raise _damaged(tag)
    return [part.decode("utf-8", "surrogateescape") for part in parts[:wanted]]


def _damaged(tag: int) -> EngineFailed:
    return EngineFailed(f"tag {tag} of an rpm header leads out of it", hint="the database is damaged")
