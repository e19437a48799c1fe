"""How linear, striped and redundant arrays lie on their members: where a byte is, in the kernel's own words.

Source: drivers/md of Linux 6.1: md-linear.c, raid0.c (create_strip_zones, map_sector), raid10.c (setup_geo,
__raid10_find_phys), raid5.c (raid5_compute_sector). All figures here are bytes; one rule serves md and LVM.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from imgtools.volumes.computed_disk import Piece

ORIGINAL, ALTERNATE = 1, 2  # layouts of a RAID0 of several zones (enum r0layout)
MOST_MEMBERS = 1920  # what fits into a superblock of 4 KiB: (4096 - 256) / 2


class BadGeometry(Exception):
    """The numbers of an array fit no array."""


class Linear:
    """One member behind the other."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._starts = [sum(sizes[:number]) for number in range(len(sizes))]
        self._sizes = tuple(sizes)
        self.size = sum(sizes)

    def find(self, offset: int) -> Piece:
        number = bisect_right(self._starts, offset) - 1
        inner = offset - self._starts[number]
        return Piece(number, inner, self._sizes[number] - inner)


class _Zone(NamedTuple):
    start: int  # in the array
    end: int
    inner: int  # where it begins on each of its members
    members: tuple[int, ...]


class Striped:
    """RAID0: chunks go round; members of several sizes make several zones, the later on fewer members.

    :param sizes: of the members.
    :param layout: which member the later zones begin with: ORIGINAL or ALTERNATE; 0 if it is not known.
    :raises BadGeometry: there is no chunk, or the layout is not known and matters.
    """

    def __init__(self, sizes: Sequence[int], chunk: int, layout: int = 0) -> None:
        if chunk < 512 or not sizes or min(sizes) < chunk:
            raise BadGeometry(f"chunks of {chunk} bytes on members of {min(sizes, default=0)}")
        self._chunk = chunk
        whole = [size - size % chunk for size in sizes]
        self._zones = list(_zones(whole))
        self._starts = [zone.start for zone in self._zones]
        self._original = layout == ORIGINAL
        if len(self._zones) > 1 and layout not in (ORIGINAL, ALTERNATE):
            raise BadGeometry("members of several sizes, and it is not noted by which layout they are filled")
        self.size = self._zones[-1].end

    def find(self, offset: int) -> Piece:
        zone = self._zones[bisect_right(self._starts, offset) - 1]
        relative = offset - zone.start
        number, inner = divmod(offset if self._original else relative, self._chunk)
        row = relative // (self._chunk * len(zone.members))
        member = zone.members[number % len(zone.members)]
        return Piece(member, zone.inner + row * self._chunk + inner, self._chunk - inner)


def _zones(sizes: Sequence[int]) -> list[_Zone]:
    zones: list[_Zone] = []
    inner = start = 0
    while members := tuple(number for number, size in enumerate(sizes) if size > inner):
        upto = min(sizes[number] for number in members)
        end = start + (upto - inner) * len(members)
        zones.append(_Zone(start, end, inner, members))
        start, inner = end, upto
    return zones


class Mirrored:
    """RAID1: everything is on every member; ``member`` is the one that is read."""

    def __init__(self, size: int, member: int) -> None:
        self.size = size
        self._member = member

    def find(self, offset: int) -> Piece:
        return Piece(self._member, offset, self.size - offset)


class Copies:
    """RAID10: every chunk in several places, near, far or offset.

    :param readable: which members may be read: by the places of the array.
    :raises BadGeometry: the layout fits no such number of members, or chunks are on none that may be read.
    """

    def __init__(self, readable: Sequence[bool], chunk: int, layout: int, member_size: int) -> None:
        self._count = count = len(readable)
        self._near, self._far, is_offset = layout & 255, layout >> 8 & 255, bool(layout & 1 << 16)
        copies = self._near * self._far
        if not 1 <= copies <= count or self._near > count or layout >> 19 or chunk < 512 or chunk & chunk - 1:
            raise BadGeometry(
                f"{count} members, chunks of {chunk} bytes and layout {layout:#x} make no RAID10"
            )
        self._set = (count, count // self._far, copies, 0)[layout >> 17]
        if not 1 <= self._set <= count:
            raise BadGeometry(f"layout {layout:#x} makes no RAID10 of {count} members")
        self._readable, self._chunk, self._is_offset = tuple(readable), chunk, is_offset
        chunks = member_size // chunk // self._far * count // self._near
        used = -(-chunks * copies // count)
        self._stride = chunk if is_offset else used // self._far * chunk
        self.size = chunks * chunk
        self._refuse_lost_chunks(chunks)

    def _refuse_lost_chunks(self, chunks: int) -> None:
        """The places of chunks repeat after as many as there are members."""
        if not all(self._readable):
            for number in range(min(chunks, self._count)):
                self.find(number * self._chunk)

    def find(self, offset: int) -> Piece:
        number, inner = divmod(offset, self._chunk)
        for member, place in self.places(number):
            if self._readable[member]:
                return Piece(member, place + inner, self._chunk - inner)
        raise BadGeometry("the members that hold some of its chunks are missing")

    def places(self, number: int) -> list[tuple[int, int]]:
        """The members that have a chunk, and where: in the order in which the kernel looks at them."""
        stripe, member = divmod(number * self._near, self._count)
        if self._is_offset:
            stripe *= self._far
        at, found = stripe * self._chunk, []
        last = (self._count // self._set - 1) * self._set
        last_size = self._set + self._count % self._set
        for _ in range(self._near):
            one, place = member, at
            found.append((one, place))
            for _ in range(1, self._far):
                first = one // self._set * self._set
                one += self._near
                if self._count % self._set and one > last:
                    one = (one - last) % last_size + last
                else:
                    one = one % self._set + first
                place += self._stride
                found.append((one, place))
            member += 1
            if member >= self._count:
                member, at = 0, at + self._chunk
        return found


class Parity:
    """RAID 4, 5 and 6 with all members that hold data: which member a chunk is on, past the parity.

    :param level: 4, 5 or 6.
    :param layout: the kernel's number of how the parity goes round (drivers/md/raid5.h).
    :raises BadGeometry: there is no such layout, or too few members.
    """

    def __init__(self, level: int, count: int, chunk: int, layout: int, member_size: int) -> None:
        self._count, self._data, self._chunk = count, count - (2 if level == 6 else 1), chunk
        self._layout = (5, layout)[level > 4]  # RAID 4 has its parity on the last, always
        known = range(6) if level < 6 else (*range(6), 8, 9, 10, 16, 17, 18, 19, 20)
        if self._data < 1 or count > MOST_MEMBERS or self._layout not in known or chunk < 512:
            raise BadGeometry(
                f"{count} members, chunks of {chunk} bytes and layout {layout} make no RAID{level}"
            )
        self._place = _six if level == 6 else _five
        self.size = (member_size - member_size % chunk) * self._data

    def find(self, offset: int) -> Piece:
        number, inner = divmod(offset, self._chunk)
        stripe, index = divmod(number, self._data)
        member = self._place(self._layout, stripe, index, self._count)
        return Piece(member, stripe * self._chunk + inner, self._chunk - inner)


def _five(layout: int, stripe: int, index: int, count: int) -> int:
    """Which member has the nth chunk of data of a stripe, with one parity."""
    turn = stripe % count
    parity = (count - 1 - turn, turn, count - 1 - turn, turn, 0, count - 1)[layout]
    if layout in (2, 3):  # symmetric: data begins behind the parity
        return (parity + 1 + index) % count
    return index + (index >= parity)


def _six(layout: int, stripe: int, index: int, count: int) -> int:
    """Which member has the nth chunk of data of a stripe, with two parities."""
    if layout >= 16:  # as RAID5 on all but the last, which has the second parity
        return _five(layout - 16, stripe, index, count - 1)
    if layout in (4, 5):
        return index + (2 if layout == 4 else 0)
    turn = (stripe + (layout == 9)) % count
    parity = turn if layout in (1, 3, 8) else count - 1 - turn
    if layout == 10:
        return (parity + 1 + index) % count
    if layout in (2, 3):
        return (parity + 2 + index) % count
    if parity == count - 1:  # Q D D D P
        return index + 1
    return index + (2 if index >= parity else 0)
