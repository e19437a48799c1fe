"""The JSON of a LUKS2 header: sections 3.1 to 3.5 of the specification. What is not known in it is declined by name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from imgtools.errors import shorten
from imgtools.records.disks import Declined
from imgtools.volumes.luks.header import (
    MOST_KEY_BYTES,
    SECTOR,
    LuksHeader,
    Piece,
    Segment,
    damaged,
)
from imgtools.volumes.luks.luks2 import Copy, read_copies
from imgtools.volumes.volume_file import DiskFile

Json = Mapping[str, Any]  # Any: every part is looked at before it is used

MOST_SLOTS = 32  # LUKS2_KEYSLOTS_MAX
LARGEST_SLOT_AREA = 128 << 20  # bytes: LUKS2_MAX_KEYSLOTS_SIZE
LARGEST_SLOT = 4 << 20  # bytes of one key slot; 4,000 stripes of 64 bytes are 256,000
MOST_THREADS = 64  # of a key's derivation; cryptsetup uses 4 at most
SECTOR_SIZES = (512, 1024, 2048, 4096)
HASHED = ("argon2i", "argon2id")
# Of the volume key. cryptsetup 2.6 takes every passphrase for right where it does not know the hash.
DIGESTS = ("sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512", "ripemd160", "whirlpool")
REENCRYPTION = "its re-encryption is not finished, and only cryptsetup goes on with that"


class _Odd(Exception):
    """Something in the JSON cannot be right; the text says what."""


def read_luks2(file: DiskFile, *, detached: bool = False) -> LuksHeader | Declined:
    """Return what a LUKS2 header says, or why it is not read here.

    :param detached: the header is not on the device of the data.
    :raises BadImage: it is damaged.
    """
    copy = read_copies(file)
    try:
        reason = _why_not(copy.metadata)
        return Declined(file.name, reason) if reason else _header(file, copy, detached=detached)
    except _Odd as odd:
        raise damaged(file.name, 2, str(odd)) from None


def _why_not(metadata: Json) -> str:
    """Say what in it is not known here; empty: nothing."""
    config = _object(metadata, "config")
    needs = config.get("requirements", {})
    if not isinstance(needs, dict):
        _odd("its requirements are no object")
    for need in _list(needs, "mandatory") if "mandatory" in needs else ():
        if "reencrypt" in need:
            return REENCRYPTION
        return f"it requires {shorten(need, 60)!r}, which is not known here"
    segments = _object(metadata, "segments")
    for number, segment in segments.items():
        if not isinstance(segment, dict):
            _odd("a segment is no object")
        if "flags" in segment:
            return REENCRYPTION
        if "integrity" in segment:
            return "it has an integrity profile, which only the kernel reads"
        if (kind := segment.get("type")) != "crypt":
            return f"its segment {shorten(number, 20)!r} is of type {shorten(str(kind), 40)!r}, not encrypted data"
    if len(segments) > 1:
        return f"its data is in {len(segments)} segments"
    slots = _object(metadata, "keyslots").values()
    if any(isinstance(slot, dict) and slot.get("type") == "reencrypt" for slot in slots):
        return REENCRYPTION
    return ""


def _header(file: DiskFile, copy: Copy, *, detached: bool) -> LuksHeader:
    config = _object(copy.metadata, "config")
    begin, length = 2 * copy.size, _number(config, "keyslots_size")
    if _number(config, "json_size") != copy.size - 4096:
        _odd("its two parts do not agree about their size")
    if length > LARGEST_SLOT_AREA or length % 4096:
        _odd(f"an area of {length} bytes for key slots")
    if begin + length > file.size:
        _odd("it is not whole")
    segment = _segment(copy.metadata, file.size, begin + length, detached=detached)
    slots = dict(_slots(copy.metadata))
    areas = [_area(name, slot, begin, begin + length) for name, slot in slots.items()]
    _refuse_overlaps(areas)
    sizes = {_count(slot, "key_size", MOST_KEY_BYTES) for slot in slots.values()}
    if not slots:
        _odd("no key slot is in use, so that no key can open it")
    if len(sizes) != 1:
        _odd("its key slots do not agree about the size of the volume key")
    return LuksHeader(
        version=2,
        uuid=copy.uuid,
        size=begin + length,
        pieces=(Piece(0, begin), *areas),
        segment=segment,
        key_size=sizes.pop(),
        memory=max(_memory(slot) for slot in slots.values()),
        tokens={name: one for name, one in _object(copy.metadata, "tokens").items() if isinstance(one, dict)},
    )


def _segment(metadata: Json, device_size: int, header_end: int, *, detached: bool) -> Segment:
    segments = _object(metadata, "segments")
    if not segments:
        _odd("it has no data segment")
    segment = next(iter(segments.values()))
    offset, size = _number(segment, "offset"), segment.get("size")
    if offset % SECTOR:
        _odd(f"its data begins at byte {offset}")
    if not detached and not header_end <= offset < device_size:
        _odd(f"its data begins at byte {offset} of {device_size}")
    wanted = None if size == "dynamic" else _number(segment, "size")
    sector_size = segment.get("sector_size")
    if not isinstance(sector_size, int) or sector_size not in SECTOR_SIZES:
        _odd("its sectors have no size that there is")
    if wanted is not None and (not wanted or wanted % sector_size):
        _odd(f"its data is of {wanted} bytes, which are not whole sectors")
    if wanted is not None and not detached and offset + wanted > device_size:
        _odd(f"its data ends at byte {offset + wanted} of {device_size}")
    return Segment(offset, wanted, _number(segment, "iv_tweak"), _text(segment, "encryption"), sector_size)


def _slots(metadata: Json) -> Iterator[tuple[str, Json]]:
    """Yield the key slots that lead to the key of the data: a slot may also be there for something else."""
    slots = _object(metadata, "keyslots")
    if len(slots) > MOST_SLOTS:
        _odd(f"it has {len(slots)} key slots")
    name = next(iter(_object(metadata, "segments")))
    digests = [one for one in _object(metadata, "digests").values() if isinstance(one, dict)]
    digests = [one for one in digests if name in _list(one, "segments")]
    for one in digests:
        if (kind := (_text(one, "type"), _text(one, "hash"))) not in itertools.product(["pbkdf2"], DIGESTS):
            _odd(f"its volume key is verified by {shorten(' '.join(kind), 40)!r}")
    bound = {slot for one in digests for slot in _list(one, "keyslots")}
    for number, slot in slots.items():
        if not isinstance(slot, dict):
            _odd("a key slot is no object")
        if number in bound and slot.get("type") == "luks2":
            yield number, slot


def _area(name: str, slot: Json, begin: int, end: int) -> Piece:
    area = _object(slot, "area")
    offset, length = _number(area, "offset"), _number(area, "size")
    if not begin <= offset < offset + length <= end or length > LARGEST_SLOT:
        _odd(f"key slot {shorten(name, 20)} lies at byte {offset}, with {length} bytes")
    stripes = _count(_object(slot, "af"), "stripes", 1 << 16)
    if stripes * _count(slot, "key_size", MOST_KEY_BYTES) > length:
        _odd(f"key slot {shorten(name, 20)} has {stripes} stripes in {length} bytes")
    return Piece(offset, length)


def _refuse_overlaps(areas: list[Piece]) -> None:
    ordered = sorted(areas)
    for one, following in itertools.pairwise(ordered):
        if one.offset + one.length > following.offset:
            _odd(f"two key slots lie over each other at byte {following.offset}")


def _memory(slot: Json) -> int:
    """The bytes that the derivation of a slot's key takes; section 3.2.2."""
    kdf = _object(slot, "kdf")
    kind = _text(kdf, "type")
    if kind == "pbkdf2":
        _count(kdf, "iterations", (1 << 32) - 1)
        return 0
    if kind not in HASHED:
        _odd(f"a key slot is derived by {shorten(kind, 40)!r}")
    _count(kdf, "cpus", MOST_THREADS)
    _count(kdf, "time", (1 << 32) - 1)
    return _count(kdf, "memory", (1 << 32) - 1) << 10


# -- parts of JSON ----------------------------------------------------------------------------------------


def _odd(reason: str) -> NoReturn:
    raise _Odd(reason)


def _object(parent: Json, name: str) -> Json:
    found = parent.get(name)
    if not isinstance(found, dict):
        _odd(f"{name!r} is no object")
    return found


def _list(parent: Json, name: str) -> list[str]:
    found = parent.get(name)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        _odd(f"{name!r} is no list of names")
    return found


def _text(parent: Json, name: str) -> str:
    found = parent.get(name)
    if not isinstance(found, str):
        _odd(f"{name!r} is no text")
    return found


def _number(parent: Json, name: str) -> int:
    """A number of 64 bits, which the format writes as a text (section 3.1)."""
    text = _text(parent, name)
    if not (text.isascii() and text.isdigit() and len(text) <= 20) or (found := int(text)) >= 1 << 64:
        _odd(f"{name!r} is no number")
    return found


def _count(parent: Json, name: str, most: int) -> int:
    found = parent.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= most:
        _odd(f"{name!r} is no number from 1 to {most}")
    return found
