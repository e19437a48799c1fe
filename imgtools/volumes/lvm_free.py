"""The extents of physical volumes that no logical volume has, by the newest text of their group.

Only of a group that is there as a whole: on a disk that is missing there may be a newer text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from imgtools.volumes.lvm import SECTOR, Member, newest_texts
from imgtools.volumes.lvm_map import kind_of_segment, segments_of
from imgtools.volumes.lvm_text import BadText, Section
from imgtools.volumes.ranges import Range, joined, without


class FreeExtents(NamedTuple):
    """What is free on one physical volume, in bytes from its beginning, or why nobody can tell."""

    device: str
    group: str
    ranges: list[Range]
    problem: str = ""


def free_extents(members: Sequence[Member]) -> Iterator[FreeExtents]:
    """Yield what is free on each physical volume that belongs to a group."""
    by_uuid = {member.uuid: member for member in members}
    for name, group in newest_texts(members, []):
        pvs = group.sections.get("physical_volumes", Section()).sections
        found = {key: by_uuid.get(str(pv.values.get("id"))) for key, pv in pvs.items()}
        whole = None not in found.values() and len(by_uuid) == len(members)
        for key, member in found.items():
            if member is None:
                continue
            try:
                ranges = _free(group, key, pvs[key], member) if whole else []
            except BadText as error:
                yield FreeExtents(member.device, name, [], f"LVM metadata: {error}")
                continue
            yield FreeExtents(member.device, name, ranges, "" if whole else f"{name} is not there as a whole")


def _free(group: Section, name: str, pv: Section, member: Member) -> list[Range]:
    extent = group.number("extent_size") * SECTOR
    start, count = pv.number("pe_start") * SECTOR, pv.number("pe_count")
    if start < SECTOR or start + count * extent > member.disk.size:
        raise BadText(f"the extents of {name} are outside of it")
    used = joined(_used(group, name))
    if used and used[-1][1] > count:
        raise BadText(f"extents are used that {name} does not have")
    return [(start + first * extent, start + last * extent) for first, last in without([(0, count)], used)]


def _used(group: Section, name: str) -> Iterator[Range]:
    """Yield the extents of a physical volume that segments name, whatever they are to them."""
    for lv in group.sections.get("logical_volumes", Section()).sections.values():
        for segment in segments_of(lv):
            count = segment.number("extent_count")
            for key, value in segment.values.items():
                words = value if isinstance(value, list) else [value]
                pairs = list(pairwise(words))
                # Only of stripes each has an equal part of the whole; of what is not known here all may be used.
                is_striped = key == "stripes" and kind_of_segment(segment) in ("linear", "striped")
                each = -(-count // max(1, len(words) // 2)) if is_striped else count
                for word, first in pairs:
                    if word == name and isinstance(first, int):
                        yield first, first + each
