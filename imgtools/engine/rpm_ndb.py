"""Read rpm's ndb database (``Packages.db`` of SUSE), which the rpm of other distributions is built without.

Layout: rpm's lib/backend/ndb/rpmpkg.c. All numbers are little-endian. A header of 32 bytes, slots of 16 bytes that
fill the first pages, then blobs in blocks of 16 bytes; each blob is one package header as in an .rpm file
(lib/header.c), whose numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from imgtools.errors import EngineFailed

PAGE, BLOCK, HEADER, SLOT = 4096, 16, 32, 16
MAX_SLOT_PAGES = 4096  # a million packages
MAX_BLOB = 64 << 20  # rpm's own limit is 256 MiB; the largest header in a distribution has 12 MB
MAX_TAGS = 65536  # rpm: HEADER_TAGS_MAX

STRING, STRING_ARRAY, I18N_STRING, INT32 = 6, 8, 9, 4
TAGS = {
    1000: "name",
    1001: "version",
    1002: "release",
    1003: "epoch",
    1004: "summary",
    1005: "description",
    1008: "installed",
    1011: "vendor",
    1014: "license",
    1020: "url",
    1022: "arch",
    1044: "source_rpm",
}


def read_headers(stream: BinaryIO) -> Iterator[dict[str, str]]:
    """Yield the wanted tags of every package in an ndb database; raises as :func:`read_blobs`."""
    return map(header_tags, read_blobs(stream))


def read_blobs(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the header of every package in an ndb database.

    :raises EngineFailed: it is not such a database, or is damaged.
    """
    stream.seek(0)
    head = stream.read(HEADER)
    if len(head) < HEADER or head[:4] != b"RpmP":
        raise EngineFailed("not an ndb database: it does not begin with RpmP", hint="it is damaged")
    _version, _generation, pages = struct.unpack("<III", head[4:16])
    if not 0 < pages <= MAX_SLOT_PAGES:
        raise EngineFailed(f"an ndb database with {pages} pages of slots", hint="it is damaged or hostile")
    slots = stream.read(pages * PAGE - HEADER)
    for at in range(0, len(slots) - SLOT + 1, SLOT):
        magic, number, block, _count = struct.unpack_from("<4sIII", slots, at)
        if magic == b"Slot" and number:
            yield _blob(stream, number, block * BLOCK)


def _blob(stream: BinaryIO, number: int, offset: int) -> bytes:
    stream.seek(offset)
    magic, owner, _generation, length = struct.unpack("<4sIII", stream.read(16).ljust(16, b"\0"))
    if magic != b"BlbS" or owner != number or length > MAX_BLOB:
        raise EngineFailed(
            f"package {number} of the ndb database is damaged", hint="it is damaged or hostile"
        )
    content = stream.read(length)
    if len(content) < length:
        raise EngineFailed(f"package {number} of the ndb database is cut off", hint="the file is truncated")
    return content


def header_tags(blob: bytes) -> dict[str, str]:
    """Return the wanted tags of one package header; of translated texts the first, which is English."""
    if len(blob) < 8:
        raise EngineFailed("an rpm header of less than 8 bytes", hint="the database is damaged")
    entries, size = struct.unpack_from(">II", blob)
    data = 8 + entries * 16
    if entries > MAX_TAGS or data + size > len(blob):
        raise EngineFailed(
            f"an rpm header with {entries} tags in {len(blob)} bytes", hint="the database is damaged"
        )
    found: dict[str, str] = {}
    for at in range(8, data, 16):
        tag, kind, offset, _count = struct.unpack_from(">IIII", blob, at)
        if tag not in TAGS or offset >= size:
            continue
        if kind == INT32 and offset + 4 <= size:
            found[TAGS[tag]] = str(struct.unpack_from(">I", blob, data + offset)[0])
        elif kind in (STRING, STRING_ARRAY, I18N_STRING):
            end = blob.find(b"\0", data + offset, data + size)
            found[TAGS[tag]] = blob[data + offset : end if end >= 0 else data + size].decode(
                "utf-8", "surrogateescape"
            )
    return found
