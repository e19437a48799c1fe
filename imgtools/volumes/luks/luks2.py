"""The header of LUKS2, which is there twice: LUKS2 On-Disk Format Specification, version 1.1.1."""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from imgtools.volumes.luks.header import MAGIC, damaged, text_of
from imgtools.volumes.volume_file import DiskFile

# Section 2.1: the sizes that a copy may have, its JSON area included; the second lies where the first ends.
SIZES = tuple(1 << power for power in range(14, 23))
BINARY_SIZE = 4096
BINARY = struct.Struct(">6sHQQ48s32s64s40s48sQ184s64s")
SECOND_MAGIC = b"SKUL\xba\xbe"
CHECKSUM_AT, CHECKSUM_SIZE = 448, 64
CHECKSUMS = (
    "sha256",
    "sha512",
    "sha384",
    "sha224",
    "sha1",
)  # what hdr_checksum_calculate is given in practice
DEEPEST = (
    32  # levels of JSON: what json-c, which cryptsetup reads it with, takes (JSON_TOKENER_DEFAULT_DEPTH)
)


class Copy(NamedTuple):
    """One of the two copies, its checksum verified."""

    size: int
    sequence: int
    uuid: str
    metadata: Mapping[str, Any]  # Any: JSON, whose parts are looked at one by one


def read_copies(file: DiskFile) -> Copy:
    """Return the newer of the two copies of a LUKS2 header that are sound.

    :raises BadImage: none is.
    """
    first = _read_copy(file, 0, MAGIC)
    places = (first.size,) if isinstance(first, Copy) else SIZES
    second: Copy | str = "there is none"
    for place in places:
        second = _read_copy(file, place, SECOND_MAGIC)
        if isinstance(second, Copy):
            break
    sound = [one for one in (first, second) if isinstance(one, Copy)]
    if not sound:
        raise damaged(file.name, 2, f"of the first copy, {first}; of the second, {second}")
    return max(sound, key=lambda one: one.sequence)


def _read_copy(file: DiskFile, place: int, wanted: bytes) -> Copy | str:
    """Return the copy at ``place``, or what is wrong with it."""
    binary = file.read_at(place, BINARY_SIZE)
    if len(binary) < BINARY_SIZE or not binary.startswith(wanted):
        return "there is none"
    magic, version, size, sequence, _, algorithm, _, uuid, _, offset, _, checksum = BINARY.unpack_from(binary)
    del magic
    if version != 2 or size not in SIZES or offset != place or (place and place != size):
        return "its size or place is wrong"
    content = binary + file.read_at(place + BINARY_SIZE, size - BINARY_SIZE)
    if len(content) < size:
        return "it is not whole"
    name = text_of(algorithm)
    if name not in CHECKSUMS:
        return "its checksum is of no known kind"
    blank = content[:CHECKSUM_AT] + bytes(CHECKSUM_SIZE) + content[CHECKSUM_AT + CHECKSUM_SIZE :]
    digest = hashlib.new(name, blank).digest()
    if not hmac.compare_digest(digest, checksum[: len(digest)]):
        return "its checksum is wrong"
    metadata = _parse(content[BINARY_SIZE:])
    return metadata if isinstance(metadata, str) else Copy(size, sequence, text_of(uuid), metadata)


def _parse(area: bytes) -> Mapping[str, Any] | str:  # Any: see Copy
    """Return the JSON of a copy; it ends at the first NUL."""
    text = area.split(b"\0", 1)[0]
    if _depth(text) > DEEPEST:
        return f"its JSON is more than {DEEPEST} levels deep"
    try:
        found = json.loads(text.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return "its JSON cannot be parsed"
    return found if isinstance(found, dict) else "its JSON is no object"


def _depth(text: bytes) -> int:
    """How deep brackets go; those in strings count too, which no cryptsetup writes that deep."""
    deepest = depth = 0
    for byte in text.translate(None, bytes(set(range(256)) - set(b"[]{}"))):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _no_number(word: str) -> float:
    raise ValueError(word)  # NaN and Infinity are Python's own additions to JSON
