"""What has to be written so that a GUID partition table is whole again: one copy from the other.

Source: UEFI Specification 2.10, chapter 5.3; what counts as a GPT is what Linux takes for one (block/partitions/efi.c):
a protective MBR and one copy that is intact.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.errors import UnsupportedGuest
from imgtools.volumes.gpt import HEADER, Header, read_header
from imgtools.volumes.partitions import PROTECTIVE, SECTOR, SIGNATURE, is_boot_sector, parse_slots
from imgtools.volumes.volume_file import DiskFile

PRIMARY = 1  # the sector of the first copy
SLOTS_AT = 446


class Stretch(NamedTuple):
    """Bytes that are to be written at a place of the disk, and what they are."""

    offset: int
    content: bytes
    what: str


def mend_gpt(disk: DiskFile) -> tuple[Stretch, ...]:
    """Return what makes both copies of a GPT whole and the second one the last of the disk; nothing: it is so.

    :raises UnsupportedGuest: a partition lies where the second copy has to be, because the disk was made smaller.
    """
    for sector in (512, 4096):
        last = disk.size // sector - 1
        primary = read_header(disk, sector, PRIMARY)
        backup = read_header(disk, sector, last)
        good = primary or backup
        if good is None or (primary is None and not _is_gpts_disk(disk, sector)):
            continue
        found = [
            one
            for one in (*_protective(disk, sector), *_copies(disk, good, last))
            if disk.read_at(one.offset, len(one.content)) != one.content
        ]
        return (*_resized(disk, sector), *found) if found else ()
    return ()


def _is_gpts_disk(disk: DiskFile, sector: int) -> bool:
    """Whether a disk with an intact backup at its end has a GPT: an old one may be left there from before."""
    head = disk.read_at(0, SECTOR)
    slots = parse_slots(head)
    is_blank = not any(head)
    return is_blank or any(slot.type == PROTECTIVE for slot in slots or ())


def _protective(disk: DiskFile, sector: int) -> Iterator[Stretch]:
    """The protective MBR, where the first sector has no partition table at all; boot code is left as it is."""
    head = disk.read_at(0, SECTOR)
    if head[510:512] == SIGNATURE and (parse_slots(head) or is_boot_sector(head)):
        return
    length = min(disk.size // sector - 1, 0xFFFFFFFF)
    slot = struct.pack("<B3sB3sII", 0, b"\0\2\0", PROTECTIVE, b"\xff\xff\xff", 1, length)
    yield Stretch(SLOTS_AT, slot + bytes(48) + SIGNATURE, "the protective MBR")


def _resized(disk: DiskFile, sector: int) -> Iterator[Stretch]:
    """The protective MBR of a disk whose size has changed: firmware does not care, but other tools complain."""
    head = disk.read_at(0, SECTOR)
    length = min(disk.size // sector - 1, 0xFFFFFFFF)
    slots = parse_slots(head) or []
    if [one.type for one in slots] == [PROTECTIVE] and slots[0].length not in (length, 0xFFFFFFFF):
        place = SLOTS_AT + 16 * (slots[0].number - 1) + 12
        yield Stretch(place, length.to_bytes(4, "little"), "the size in the protective MBR")


def _copies(disk: DiskFile, good: Header, last: int) -> Iterator[Stretch]:
    sector, size = good.sector, len(good.entries)
    room = -(-size // sector)  # sectors
    place = last - room
    _refuse_in_the_way(disk, good, place)
    raw = disk.read_at(good.place * sector, sector)
    entries_at = good.entries_at if good.place == PRIMARY else PRIMARY + 1
    for what, me, other, at in (
        ("the primary GPT", PRIMARY, last, entries_at),
        ("the backup GPT", last, PRIMARY, place),
    ):
        yield Stretch(at * sector, good.entries, f"{what} (its entries)")
        yield Stretch(me * sector, _header(raw, me, other, at, place - 1), f"{what} (its header)")


def _header(raw: bytes, me: int, other: int, entries_at: int, last_usable: int) -> bytes:
    """A header like ``raw`` with other places, and its checksum."""
    fields = list(HEADER.unpack_from(raw))
    size = fields[2]
    fields[3], fields[5], fields[6], fields[8], fields[10] = 0, me, other, last_usable, entries_at
    made = HEADER.pack(*fields) + raw[HEADER.size : size]
    checksum = zlib.crc32(made)
    return made[:16] + checksum.to_bytes(4, "little") + made[20:] + bytes(len(raw) - size)


def _refuse_in_the_way(disk: DiskFile, good: Header, place: int) -> None:
    for index in range(len(good.entries) // good.entry_size):
        kind, _identity, first, end = struct.unpack_from("<16s16sQQ", good.entries, index * good.entry_size)
        if any(kind) and end >= place and end >= first:
            raise UnsupportedGuest(
                f"{disk.name}: partition {index + 1} ends at sector {end}, and the backup GPT begins at {place}",
                hint="the disk was made smaller than it was: give it back its size",
            )
