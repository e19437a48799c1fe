"""The superblock of Linux' software RAID on one of its members.

Source: include/uapi/linux/raid/md_p.h of the kernel (struct mdp_superblock_1, mdp_super_s).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.volumes.volume_file import DiskFile

MAGIC = 0xA92B4EFC
SPARE = 0xFFFD  # dev_roles from here on: journal, faulty, spare


class Member(NamedTuple):
    """What a member says of its array. ``level``: 0, 1, 4, 5, 6, 10; ``role`` is -1 for a spare."""

    uuid: str  # hexadecimal digits
    name: str
    level: int
    wanted: int  # members that the array has when it is whole
    role: int
    events: int


def read_md_member(disk: DiskFile) -> Member | None:
    """Return what a member of an array says; None if it is none.

    :raises BadImage: the volume cannot be read.
    """
    for at in _places_1(disk.size):
        raw = disk.read_at(at, 4096)
        if len(raw) >= 512 and struct.unpack_from("<II", raw) == (MAGIC, 1):
            return _version_1(raw)
    old = disk.read_at((disk.size & ~0xFFFF) - 0x10000, 4096) if disk.size > 0x20000 else b""
    if len(old) >= 4096 and struct.unpack_from("<II", old) == (MAGIC, 0):
        return _version_0(old)
    return None


def _places_1(size: int) -> Iterator[int]:
    """Versions 1.2, 1.1 and 1.0."""
    yield from (4096, 0)
    if size > 0x4000:
        yield ((size // 512 - 16) & ~7) * 512


def _version_1(raw: bytes) -> Member:
    (level,) = struct.unpack_from("<i", raw, 72)
    (wanted,) = struct.unpack_from("<I", raw, 92)
    (number,) = struct.unpack_from("<I", raw, 160)
    (events,) = struct.unpack_from("<Q", raw, 200)
    at = 256 + 2 * number
    role = struct.unpack_from("<H", raw, at)[0] if at + 2 <= len(raw) else SPARE
    name = raw[32:64].split(b"\0")[0].decode("utf-8", "replace")
    return Member(raw[16:32].hex(), name, level, wanted, role if role < SPARE else -1, events)


def _version_0(raw: bytes) -> Member:
    words = struct.unpack_from("<1024I", raw)
    uuid = b"".join(struct.pack("<I", words[one]) for one in (5, 13, 14, 15)).hex()
    role = words[992 + 3]  # this_disk.raid_disk
    level, wanted = struct.unpack("<i", struct.pack("<I", words[7]))[0], words[10]
    return Member(uuid, "", level, wanted, role if role < wanted else -1, words[33] << 32 | words[32])


def survives(level: int, wanted: int, there: int) -> bool:
    """Whether an array starts with so many of its members; for RAID10, if no pair is lost."""
    lost = wanted - there
    most = {1: wanted - 1, 4: 1, 5: 1, 6: 2, 10: wanted // 2}.get(level, 0)
    return lost <= most
