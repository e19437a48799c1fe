"""Filesystems put in their places on a new disk, and its table of partitions."""

from __future__ import annotations

import os
import uuid as uuids
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.engine.allocation import data_ranges
from imgtools.engine.sfdisk import Entry, PartitionTable, write_table
from imgtools.errors import TooSmall
from imgtools.units import format_size

MIB = 1 << 20
SECTOR = 512
ALIGNED = MIB  # where partitions begin, as all partitioning programs have it since 2010
GPT_END = 33 * SECTOR  # the second table: 32 sectors of entries, and a header
# UAPI.2 Discoverable Partitions Specification; MBR: Andries Brouwer's list of types.
TYPES = {
    "linux": ("0FC63DAF-8483-4772-8E79-3D69D8477DE4", "83"),
    "swap": ("0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "82"),
    "esp": ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "ef"),
    "bios": ("21686148-6449-6E6F-744E-656564454649", "da"),
    "lvm": ("E6D6D379-F507-44C2-A23C-238F2A3DF928", "8e"),
    "luks": ("CA7D7CCB-63ED-4C53-861C-1742536059CC", "83"),
    "xbootldr": ("BC13C2FF-59E6-4262-A352-B275FD6F7172", "83"),
    "home": ("933AC7E1-2EB4-4F13-B844-0E14E2AEF915", "83"),
    "root": ("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "83"),
    "basic": ("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "7"),
    "fat": ("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "c"),
}
USUAL = {"swap": "swap", "vfat": "fat", "exfat": "basic", "ntfs": "basic"}


@dataclass(frozen=True, slots=True)
class Placed:
    """A partition: its number, where it lies in bytes, and the file that it holds; None: nothing yet."""

    number: int
    start: int
    size: int
    type: str  # a key of TYPES, or a GUID, or hexadecimal digits
    name: str = ""
    content: Path | None = None
    uuid: str = ""
    bootable: bool = False


def around(label: str) -> int:
    """Return the bytes of a disk that its partitions cannot have, one partition beginning at its first place."""
    return {"none": 0, "gpt": ALIGNED + ALIGNED, "mbr": ALIGNED}[label]


def write_disk(target: Path, size: int, label: str, parts: Sequence[Placed], seed: str) -> None:
    """Make a raw disk of ``size`` bytes with partitions.

    :param label: "gpt" or "mbr".
    :param seed: what the ids of the disk and its partitions are made of; empty: of chance.
    :raises TooSmall: they do not fit.
    """
    end = max((part.start + part.size for part in parts), default=ALIGNED)
    least = end + (GPT_END if label == "gpt" else 0)
    if least > size:
        raise TooSmall(
            f"{format_size(size)} are too little for these partitions: they need {format_size(least)}"
        )
    with target.open("xb") as stream:
        stream.truncate(size)
    write_table(target, _table(size, label, parts, seed))
    for part in parts:
        if part.content is not None:
            put_in_place(part.content, target, part.start)


def _table(size: int, label: str, parts: Sequence[Placed], seed: str) -> PartitionTable:
    identity = new_uuid(seed, "disk")
    entries = tuple(_entry(part, label, seed) for part in parts)
    if label == "mbr":
        return PartitionTable(
            "dos",
            f"0x{identity.int & 0xFFFFFFFF:08x}",
            SECTOR,
            1,
            min(size // SECTOR, 2**32 - 1) - 1,
            entries,
        )
    last = (size - GPT_END) // SECTOR - 1
    return PartitionTable("gpt", str(identity).upper(), SECTOR, 34, last, entries)


def _entry(part: Placed, label: str, seed: str) -> Entry:
    guid, digits = TYPES.get(part.type, (part.type.upper(), part.type.lower()))
    start, size = part.start // SECTOR, part.size // SECTOR
    if label == "mbr":
        return Entry(part.number, start, size, digits, bootable=part.bootable)
    identity = part.uuid or str(new_uuid(seed, f"partition {part.number}"))
    return Entry(part.number, start, size, guid, uuid=identity.upper(), name=part.name)


def new_uuid(seed: str, what: str) -> uuids.UUID:
    """Return a UUID of chance, or with a seed always the same."""
    return uuids.uuid5(uuids.NAMESPACE_OID, f"{what} of {seed}") if seed else uuids.uuid4()


def put_in_place(source: Path, target: Path, offset: int) -> None:
    """Copy a file into another at an offset, without its holes; what was there reads as zeros."""
    with source.open("rb") as old, target.open("r+b") as new:
        size = os.fstat(old.fileno()).st_size
        for begin, length in data_ranges(old.fileno(), size):
            end = begin + length
            while begin < end:
                done = os.copy_file_range(old.fileno(), new.fileno(), end - begin, begin, offset + begin)
                if not done:
                    raise OSError(f"{source} ends early")
                begin += done
