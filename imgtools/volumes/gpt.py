"""GUID partition tables, with what is wrong with them.

Source: UEFI Specification 2.10, chapter 5.3.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from typing import NamedTuple

from imgtools.records.disks import DeviceBytes, Disk, Partition
from imgtools.volumes.volume_file import DiskFile

MAGIC = b"EFI PART"
HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")  # signature ... entries' checksum
LARGEST_TABLE = 4 << 20  # bytes; 128 entries of 128 bytes are usual
UNUSED = bytes(16)
# Attribute bits 0 to 2 are for all types of partitions, 48 to 63 belong to the type.
FLAGS = {0: "required", 1: "no-block-io", 2: "legacy-boot"}


class Header(NamedTuple):
    """One copy of the table; places in sectors."""

    sector: int  # bytes
    place: int
    other: int
    guid: str
    entries_at: int
    entry_size: int
    entries: bytes


def read_gpt(disk: DiskFile, device: str) -> Disk | None:
    """Read the GPT of a disk, with sectors of 512 or 4096 bytes; None if no copy of it is intact."""
    for sector in (512, 4096):
        primary = read_header(disk, sector, 1)
        last = disk.size // sector - 1
        if primary is not None:
            return _disk(disk, device, primary, _backup_problems(disk, primary, last))
        backup = read_header(disk, sector, last)
        if backup is not None and backup.place == last:
            return _disk(disk, device, backup, ["the primary GPT is damaged; the backup at the end was read"])
    return None


def read_header(disk: DeviceBytes, sector: int, place: int) -> Header | None:
    """Read the header at a sector and its entries; None unless both checksums are right."""
    raw = disk.read_at(place * sector, sector) if place > 0 else b""
    if len(raw) < sector or raw[:8] != MAGIC:
        return None
    (_magic, _revision, size, checksum, _reserved, my_place, other, _first, _last, guid, entries_at, count,
     entry_size, entries_checksum) = HEADER.unpack_from(raw)  # fmt: skip
    if not HEADER.size <= size <= sector or my_place != place:
        return None
    if zlib.crc32(raw[:16] + bytes(4) + raw[20:size]) != checksum:
        return None
    if entry_size < 128 or entry_size % 8 or count * entry_size > LARGEST_TABLE:
        return None
    entries = disk.read_at(entries_at * sector, count * entry_size)
    if len(entries) < count * entry_size or zlib.crc32(entries) != entries_checksum:
        return None
    return Header(sector, my_place, other, parse_guid(guid), entries_at, entry_size, entries)


def parse_guid(raw: bytes) -> str:
    """A GUID in its usual spelling, upper case; its first three groups are stored little-endian."""
    return str(uuid.UUID(bytes_le=raw)).upper()


def _backup_problems(disk: DiskFile, primary: Header, last: int) -> list[str]:
    problems = []
    if primary.other > last:
        problems.append(f"the disk ends at sector {last}, before the backup GPT at {primary.other}")
    elif primary.other != last:
        problems.append(f"the backup GPT is at sector {primary.other}, not at the end of the disk ({last})")
    backup = read_header(disk, primary.sector, primary.other) if primary.other <= last else None
    if backup is None and primary.other <= last:
        problems.append("the backup GPT is damaged or missing")
    elif backup is not None and backup.entries != primary.entries:
        problems.append("the two copies of the GPT differ")
    return problems


def _disk(disk: DiskFile, device: str, header: Header, problems: list[str]) -> Disk:
    partitions = tuple(_partitions(header, device))
    for partition in partitions:
        if partition.start + partition.size > disk.size:
            end = partition.start + partition.size
            problems.append(f"{partition.device} ends at byte {end}, the disk at {disk.size}")
    return Disk(device, disk.size, header.sector, "gpt", header.guid, partitions, tuple(problems))


def _partitions(header: Header, device: str) -> list[Partition]:
    found = []
    for index in range(len(header.entries) // header.entry_size):
        raw = header.entries[index * header.entry_size :][: header.entry_size]
        kind, identity, first, last, attributes = struct.unpack_from("<16s16sQQQ", raw)
        if kind == UNUSED or last < first:
            continue
        found.append(
            Partition(
                device=partition_device(device, index + 1),
                number=index + 1,
                start=first * header.sector,
                size=(last - first + 1) * header.sector,
                type=parse_guid(kind),
                name=parse_name(raw[56:128]),
                id=parse_guid(identity),
                flags=parse_flags(attributes),
            )
        )
    return found


def partition_device(disk: str, number: int) -> str:
    """The name of a partition: /dev/sda1, and /dev/nvme0n1p1 where the disk's name ends with a digit."""
    return f"{disk}p{number}" if disk[-1].isdigit() else f"{disk}{number}"


def parse_name(raw: bytes) -> str:
    """The name of a partition: UTF-16, ended by zero."""
    return raw.decode("utf-16-le", "replace").split("\0")[0]


def parse_flags(attributes: int) -> tuple[str, ...]:
    """The attribute bits by their names; those that belong to the partition's type by number."""
    return tuple(FLAGS.get(bit, f"guid:{bit}") for bit in range(64) if attributes >> bit & 1)
