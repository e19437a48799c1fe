"""The superblock of Linux' software RAID on one of its members.

Source: include/uapi/linux/raid/md_p.h of the kernel (struct mdp_superblock_1, mdp_super_s), and drivers/md/md.c for
what the kernel takes for one (super_1_load, super_90_load).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from imgtools.volumes.volume_file import DiskFile

MAGIC = 0xA92B4EFC
SECTOR = 512
SPARE = 0xFFFD  # dev_roles from here on: journal, faulty, spare
MOST_ROLES = (4096 - 256) // 2
LEVELS = frozenset({-1, 0, 1, 4, 5, 6, 10})  # -1: linear
NEVER = 0xFFFFFFFFFFFFFFFF  # a place that is never reached: nothing is left to be done
# Bits of feature_map (MD_FEATURE_...).
BITMAP, RECOVERING, RESHAPING, BAD_BLOCKS, REPLACEMENT, NEW_OFFSET = 1, 2, 4, 8, 16, 64
JOURNAL, RAID0_LAYOUT = 0x200, 0x1000
KNOWN = 0x1FFF
OLD_CLEAN, OLD_SYNC, OLD_FAULTY = 1 << 0, 1 << 2, 1 << 0


class Member(NamedTuple):
    """What a member says of its array. ``level``: -1 (linear), 0, 1, 4, 5, 6, 10; ``role`` is -1 for a spare.

    Sizes and places are in bytes. ``problem``: why the array is not put together by what is said here; ``damaged``
    says that nobody would.
    """

    uuid: str  # hexadecimal digits
    name: str
    level: int
    wanted: int  # members that the array has when it is whole
    role: int
    events: int
    version: str = "1.2"
    layout: int = -1  # -1: not noted
    chunk: int = 0
    used: int = 0  # of each member, in levels with redundancy
    start: int = 0  # where the data begins on the member
    room: int = 0  # for data on the member
    number: int = 0  # in the list of roles
    roles: tuple[int, ...] = ()  # by number; not in version 0.90
    problem: str = ""
    damaged: bool = False


def read_md_member(disk: DiskFile) -> Member | None:
    """Return what a member of an array says; None if it is none.

    :raises BadImage: the volume cannot be read.
    """
    found = [member for at in _places_1(disk.size) if (member := _read_1(disk, at)) is not None]
    old = _read_0(disk)
    found += [old] if old is not None else []
    whole = [member for member in found if not member.damaged]
    if len({member.uuid for member in whole}) > 1:
        return whole[0]._replace(problem="it has the superblocks of several arrays")
    return next(iter(whole or found), None)


def read_whole_member(disk: DiskFile, partitions: Iterable[tuple[int, int]]) -> Member | None:
    """Return what a disk says that is a member as a whole, although a partition table stands before it.

    That table is the array's own: of versions 1.0 and 0.90 the data begins where the member does. A superblock that
    lies in one of the partitions is that partition's, as libblkid has it (blkid_probe_is_covered_by_pt).

    :param partitions: where each begins and ends, in bytes.
    """
    places = [((disk.size // SECTOR - 16) & ~7) * SECTOR, (disk.size & ~0xFFFF) - 0x10000]
    read = (partial(_read_1, disk, places[0]), partial(_read_0, disk))
    spans = list(partitions)
    for at, look in zip(places, read, strict=True):
        if at > 4096 and not any(start <= at < end for start, end in spans):
            found = look()
            if found is not None and not found.damaged:
                return found
    return None


def _places_1(size: int) -> Iterator[int]:
    """Versions 1.2, 1.1 and 1.0."""
    yield from (4096, 0)
    if size > 0x4000:
        yield ((size // SECTOR - 16) & ~7) * SECTOR


def _read_1(disk: DiskFile, at: int) -> Member | None:
    raw = disk.read_at(at, 4096)
    if len(raw) < 512 or struct.unpack_from("<II", raw) != (MAGIC, 1):
        return None
    features, level, layout, used, chunk, wanted = struct.unpack_from("<8xI60xiIQII", raw, 0)
    start, room, place = struct.unpack_from("<QQQ", raw, 128)
    recovered, number = struct.unpack_from("<QI", raw, 152)
    (events,) = struct.unpack_from("<Q", raw, 200)
    (most,) = struct.unpack_from("<I", raw, 220)
    count = min(most, MOST_ROLES, (len(raw) - 256) // 2)
    roles = struct.unpack_from(f"<{count}H", raw, 256)
    role = roles[number] if number < count else SPARE
    # What is being filled, or takes the place of another, is no source of data yet.
    behind = features & REPLACEMENT or (features & RECOVERING and recovered != NEVER)
    damage = _damage_1(disk, raw, at)
    no_layout = level == 0 and not features & RAID0_LAYOUT
    return Member(
        uuid=raw[16:32].hex(),
        name=raw[32:64].split(b"\0")[0].decode("utf-8", "replace"),
        level=level,
        wanted=wanted,
        role=-1 if role >= SPARE or behind else role,
        events=events,
        version="1.1" if at == 0 else "1.2" if at == 4096 else "1.0",
        layout=-1 if no_layout else layout,
        chunk=chunk * SECTOR,
        used=used * SECTOR,
        start=start * SECTOR,
        room=room * SECTOR,
        number=number,
        roles=roles,
        problem=damage or _problem_1(features, place * SECTOR == at),
        damaged=bool(damage),
    )


def _problem_1(features: int, is_here: bool) -> str:
    """Why an array is left to the kernel."""
    if not is_here:
        return "its superblock was made for another place"
    if features & ~KNOWN:
        return f"its superblock has features that are not known here ({features & ~KNOWN:#x})"
    if features & (RESHAPING | NEW_OFFSET):
        return "it is being reshaped"
    if features & JOURNAL:
        return "it has a journal, which may hold what is not on the members yet"
    if features & BAD_BLOCKS:
        return "bad blocks are noted on one of its members"
    return ""


def _damage_1(disk: DiskFile, raw: bytes, at: int) -> str:
    """What is wrong with a superblock: where the kernel says that it is none."""
    (most,) = struct.unpack_from("<I", raw, 220)
    if most > MOST_ROLES or 256 + 2 * most > len(raw):
        return f"its superblock has {most} members"
    covered = bytearray(raw[: 256 + 2 * most])
    (said,) = struct.unpack_from("<I", covered, 216)
    covered[216:220] = bytes(4)
    covered += bytes(-len(covered) % 4)
    if _folded(struct.unpack(f"<{len(covered) // 4}I", covered)) != said:
        return "its superblock does not have its checksum"
    start, room = (value * SECTOR for value in struct.unpack_from("<QQ", raw, 128))
    if room < 8192 or start + room > (at if at > 4096 else disk.size):
        return f"its data of {room} bytes at {start} does not fit on it"
    return ""


def _folded(words: tuple[int, ...]) -> int:
    """The sum of a superblock, its carry added once (calc_sb_1_csum, calc_sb_csum)."""
    total = sum(words)
    return (total & 0xFFFFFFFF) + (total >> 32) & 0xFFFFFFFF


def _read_0(disk: DiskFile) -> Member | None:
    at = (disk.size & ~0xFFFF) - 0x10000
    raw = disk.read_at(at, 4096) if disk.size > 0x20000 else b""
    if len(raw) < 4096 or struct.unpack_from("<II", raw) != (MAGIC, 0):
        return None
    words = struct.unpack_from("<1024I", raw)
    level, wanted, number = struct.unpack("<i", raw[28:32])[0], words[10], words[992]
    state, role = (words[992 + 4], words[992 + 3]) if number < 27 else (0, wanted)
    is_source = state & OLD_SYNC and not state & OLD_FAULTY and role < wanted
    damage = ""
    if _folded((*words[:38], 0, *words[39:])) != words[38]:
        damage = "its superblock does not have its checksum"
    elif level > 0 and words[8] * 1024 > at:
        damage = f"its data of {words[8] * 1024} bytes does not fit on it"
    return Member(
        uuid=b"".join(
            struct.pack(">I", words[one]) for one in (5, 13, 14, 15)
        ).hex(),  # as mdadm and blkid have it
        name="",
        level=level,
        wanted=wanted,
        role=role if is_source else -1,
        events=words[40] << 32 | words[39],
        version="0.90",
        layout=-1 if level == 0 else words[64],
        chunk=words[65],
        used=words[8] * 1024,
        room=at,
        number=number,
        problem=damage or ("it is being reshaped" if words[2] > 90 else ""),
        damaged=bool(damage),
    )


def survives(level: int, wanted: int, there: int) -> bool:
    """Whether an array starts with so many of its members; for RAID10, if no pair is lost."""
    lost = wanted - there
    most = {1: wanted - 1, 4: 1, 5: 1, 6: 2, 10: wanted // 2}.get(level, 0)
    return lost <= most
