"""The header of LUKS1: LUKS On-Disk Format Specification, version 1.2.3, figures 1 and 2."""

from __future__ import annotations

import struct

from imgtools.records.disks import Declined
from imgtools.volumes.luks.header import (
    MAGIC,
    MOST_KEY_BYTES,
    SECTOR,
    LuksHeader,
    Piece,
    Segment,
    damaged,
    text_of,
)
from imgtools.volumes.volume_file import DiskFile

HEADER = struct.Struct(">6sH32s32s32sII20s32sI40s")
SLOT = struct.Struct(">II32sII")
SLOTS = 8
HEADER_SIZE = HEADER.size + SLOTS * SLOT.size  # 592
ACTIVE, FREE = 0x00AC71F3, 0x0000DEAD
STRIPES = 4000  # LUKS_STRIPES: no program has ever used another number
LARGEST = 16 << 20  # bytes before the data: cryptsetup's are 1 or 2 MiB


def read_luks1(file: DiskFile, *, detached: bool = False) -> LuksHeader | Declined:
    """Return what a LUKS1 header says.

    :param detached: the header is not on the device of the data.
    :raises BadImage: it is damaged.
    """

    def broken(reason: str) -> Exception:
        return damaged(file.name, 1, reason)

    content = file.read_at(0, HEADER_SIZE)
    if len(content) < HEADER_SIZE or content[:8] != MAGIC + b"\0\1":
        raise broken("it is not whole")
    _, _, cipher, mode, _, payload, key_size, _, _, _, uuid = HEADER.unpack_from(content)
    if not 0 < key_size <= MOST_KEY_BYTES:
        raise broken(f"a volume key of {key_size} bytes")
    offset = payload * SECTOR
    if not detached and not HEADER_SIZE < offset < file.size:
        raise broken(f"its data begins at byte {offset} of {file.size}")
    pieces, ends = [Piece(0, HEADER_SIZE)], [offset]
    for number in range(SLOTS):
        state, _, _, place, stripes = SLOT.unpack_from(content, HEADER.size + number * SLOT.size)
        if state not in (ACTIVE, FREE):
            raise broken(f"key slot {number} is neither in use nor free")
        piece = Piece(place * SECTOR, key_size * STRIPES)
        if state == FREE:
            ends.append(min(piece.offset + piece.length, LARGEST))  # cryptsetup wants room for it
        else:
            if stripes != STRIPES:
                raise broken(f"key slot {number} has {stripes} stripes")
            if piece.offset < HEADER_SIZE or piece.offset + piece.length > min(file.size, LARGEST):
                raise broken(f"key slot {number} lies at byte {piece.offset}")
            if not detached and piece.offset + piece.length > offset:
                raise broken(f"key slot {number} lies in the data")
            pieces.append(piece)
    if len(pieces) == 1:
        raise broken("no key slot is in use, so that no key can open it")
    size = max(*ends, *(piece.offset + piece.length for piece in pieces))
    segment = Segment(offset, None, 0, f"{text_of(cipher)}-{text_of(mode)}", SECTOR)
    return LuksHeader(1, text_of(uuid), size, tuple(pieces), segment, key_size, 0, {})
