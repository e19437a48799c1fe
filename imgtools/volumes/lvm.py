"""LVM2: physical volumes, volume groups, and their logical volumes.

Own code: libvslvm refuses valid groups, does not look at UUIDs and accepts damaged text
(docs/decisions/lvm-metadata-reader.md). Source: LVM2, lib/label/label.h and lib/format_text/layout.h.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from imgtools.errors import BadImage
from imgtools.records.disks import MORE_DISKS, Declined
from imgtools.records.lvm import LogicalVolume, PhysicalVolume, VolumeGroup
from imgtools.volumes.lvm_map import NO_WORD_OF_IT, Mapper, kind_of_segment, missing_pv, segments_of
from imgtools.volumes.lvm_text import BadText, Section, parse_text
from imgtools.volumes.names import device_order
from imgtools.volumes.volume_file import DiskFile

SECTOR = 512
LABEL_SECTORS = 4  # LVM looks for its label in the first four
INITIAL_CRC = 0xF597A6CF  # lib/misc/crc.h
AREA_MAGIC = b" LVM2 x[5A%r0N*>"
AREA_HEADER = 512
IGNORED = 1  # flag of a metadata area that is not in use
LARGEST_TEXT = 32 << 20  # bytes; a group of thousands of volumes has some hundred kB
MOST_AREAS = 16
WORDS_OF_PEOPLE = frozenset({"type", "tags"})  # that a volume may happen to be called, such as "striped"
UUID_GROUPS = (6, 4, 4, 4, 4, 4, 6)  # how LVM writes its 32 letters


class Member(NamedTuple):
    """One physical volume as its own label describes it, with the group texts found on it."""

    device: str
    disk: DiskFile
    uuid: str
    size: int
    texts: tuple[Section, ...]
    problem: str = ""


class MappedVolume(NamedTuple):
    """A logical volume, the devices it lies on, and its bytes, or why it cannot be read.

    ``content`` is None of what holds nothing for people: a pool.
    """

    volume: LogicalVolume
    parents: tuple[str, ...]
    content: DiskFile | Declined | None


class Groups(NamedTuple):
    """Everything that LVM has on the disks."""

    pvs: tuple[PhysicalVolume, ...] = ()
    vgs: tuple[VolumeGroup, ...] = ()
    volumes: tuple[MappedVolume, ...] = ()
    unread: tuple[Declined, ...] = ()


def crc(data: bytes) -> int:
    """LVM's checksum: the CRC-32 of zlib with another beginning and without its two inversions."""
    return zlib.crc32(data, INITIAL_CRC ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def format_uuid(letters: str) -> str:
    """``kvO4Vk...`` with LVM's dashes."""
    parts, at = [], 0
    for length in UUID_GROUPS:
        parts.append(letters[at : at + length])
        at += length
    return "-".join(parts)


# -- one physical volume ----------------------------------------------------------------------------------


def read_member(disk: DiskFile, device: str) -> Member | None:
    """Read the label and the metadata of a physical volume; None if there is no intact label."""
    for sector in range(LABEL_SECTORS):
        raw = disk.read_at(sector * SECTOR, SECTOR)
        if raw[:8] == b"LABELONE" and raw[24:32] == b"LVM2 001" and len(raw) == SECTOR:
            break
    else:
        return None
    number, checksum, offset = struct.unpack_from("<QII", raw, 8)
    if number != sector or crc(raw[20:]) != checksum or not 32 <= offset <= SECTOR - 40:
        return None
    size, areas = _parse_header(raw[offset:])
    uuid = format_uuid(raw[offset : offset + 32].decode("ascii", "replace"))
    texts, problems = [], []
    for start, length in areas:
        try:
            text = _read_area(disk, start, length)
            if text is not None:
                texts.append(parse_text(text))
        except BadText as error:
            problems.append(str(error))
    problem = f"LVM metadata: {problems[0]}" if problems and not texts else ""
    return Member(device, disk, uuid, size, tuple(texts), problem)


def _parse_header(raw: bytes) -> tuple[int, list[tuple[int, int]]]:
    """The size and the metadata areas in a physical volume's header (struct pv_header)."""
    (size,) = struct.unpack_from("<Q", raw, 32)
    at, lists = 40, []
    for _ in range(2):
        pairs: list[tuple[int, int]] = []
        while at + 16 <= len(raw):
            start, length = struct.unpack_from("<QQ", raw, at)
            at += 16
            if not start:
                break
            pairs.append((start, length))
        lists.append(pairs)
    return size, lists[1][:MOST_AREAS]


def _read_area(disk: DiskFile, start: int, length: int) -> str | None:
    """The newest text in a metadata area (struct mda_header); None if it is empty or not in use."""
    header = disk.read_at(start, AREA_HEADER)
    if len(header) < AREA_HEADER or header[4:20] != AREA_MAGIC or crc(header[4:]) != _u32(header, 0):
        raise BadText("the header of an area is damaged")
    offset, size, checksum, flags = struct.unpack_from("<QQII", header, 40)
    if not offset or flags & IGNORED:
        return None
    if not AREA_HEADER <= offset < length or not 0 < size <= min(LARGEST_TEXT, length - AREA_HEADER):
        raise BadText(f"a text of {size} bytes at {offset} in an area of {length}")
    # The area is a ring behind its header: what does not fit at the end goes on at the beginning.
    first = min(size, length - offset)
    raw = disk.read_at(start + offset, first)
    if first < size:
        raw += disk.read_at(start + AREA_HEADER, size - first)
    if len(raw) < size or crc(raw) != checksum:
        raise BadText("the text does not have its checksum")
    return raw.rstrip(b"\0").decode("utf-8", "surrogateescape")


def _u32(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")


# -- groups -----------------------------------------------------------------------------------------------


def assemble(members: Sequence[Member]) -> Groups:
    """Put physical volumes together to groups: the newest text of each group counts, by its sequence number."""
    unread = [Declined(member.device, member.problem) for member in members if member.problem]
    groups = [_Group(name, section, members) for name, section in newest_texts(members, unread)]
    owners = {uuid: group for group in groups for uuid in group.pv_uuids}
    pvs = tuple(_physical_volume(member, owners.get(member.uuid)) for member in members)
    volumes: list[MappedVolume] = []
    vgs: list[VolumeGroup] = []
    for group in groups:
        try:
            mapped = list(group.volumes())
            vgs.append(group.record())
            volumes += mapped
        except BadText as error:
            unread.append(Declined(f"/dev/{group.name}", f"LVM metadata: {error}"))
    unread += [mapped.content for mapped in volumes if isinstance(mapped.content, Declined)]
    return Groups(pvs, tuple(vgs), tuple(volumes), tuple(unread))


def newest_texts(members: Sequence[Member], unread: list[Declined]) -> list[tuple[str, Section]]:
    """Return the name and newest text of every group; what does not describe a group is noted in ``unread``."""
    newest: dict[str, tuple[int, str, Section]] = {}
    for member in members:
        for text in member.texts:
            try:
                name, group = _group_of(text)
                uuid, number = group.text("id"), group.number("seqno")
            except BadText as error:
                unread.append(Declined(member.device, f"LVM metadata: {error}"))
                continue
            if uuid not in newest or number > newest[uuid][0]:
                newest[uuid] = (number, name, group)
    return [(name, group) for _number, name, group in newest.values()]


def _physical_volume(member: Member, group: _Group | None) -> PhysicalVolume:
    if group is None:
        return PhysicalVolume(member.device, member.uuid, member.size)
    return PhysicalVolume(member.device, member.uuid, group.pv_size(member), group.name)


def _group_of(text: Section) -> tuple[str, Section]:
    """The one group that a text describes."""
    if text.values.get("contents") != "Text Format Volume Group" or len(text.sections) != 1:
        raise BadText("no text of one volume group")
    return next(iter(text.sections.items()))


class _Group:
    """One volume group while it is put together. Methods raise BadText for what is missing from the text."""

    def __init__(self, name: str, section: Section, members: Sequence[Member]) -> None:
        self.name = name
        self._section = section
        self._pvs = section.sections.get("physical_volumes", Section()).sections
        self._lvs = section.sections.get("logical_volumes", Section()).sections
        self._members: dict[str, list[Member]] = {}
        for member in members:
            self._members.setdefault(member.uuid, []).append(member)
        self.pv_uuids = {str(pv.values.get("id", "")) for pv in self._pvs.values()}

    @property
    def _extent_size(self) -> int:
        return self._section.number("extent_size") * SECTOR

    def pv_size(self, member: Member) -> int:
        """The usable size of a physical volume, as pvs shows it."""
        for pv in self._pvs.values():
            if pv.values.get("id") == member.uuid:
                count, extent = pv.values.get("pe_count"), self._section.values.get("extent_size")
                if isinstance(count, int) and isinstance(extent, int):
                    return count * extent * SECTOR
        return member.size

    def record(self) -> VolumeGroup:
        """The group's own facts."""
        total = sum(pv.number("pe_count") for pv in self._pvs.values())
        used = 0
        for lv in self._lvs.values():
            for segment in segments_of(lv):
                areas = segment.words("stripes")[::2]
                used += segment.number("extent_count") if any(area in self._pvs for area in areas) else 0
        extent = self._extent_size
        return VolumeGroup(
            self.name, self._section.text("id"), total * extent, (total - used) * extent, extent
        )

    def volumes(self) -> Iterator[MappedVolume]:
        """The visible logical volumes, each with its bytes or the reason why there are none."""
        snapshots = self._snapshots()
        mapper = Mapper(self.name, self._extent_size, self._lvs, self._files())
        kinds = {name: snapshots.get(name) or _kind_of(segments_of(lv)) for name, lv in self._lvs.items()}
        # As lvs lists them: what others lie in comes first.
        for name in sorted(kinds, key=lambda name: kinds[name] != "thin-pool"):
            lv, kind = self._lvs[name], kinds[name]
            segments = segments_of(lv)
            # The volume that a user calls the snapshot is hidden, and one without a name of its own is not.
            is_record = any(segment.values.get("type") == "snapshot" for segment in segments)
            if is_record or ("VISIBLE" not in lv.words("status") and kind != "snapshot"):
                continue
            size = sum(segment.number("extent_count") for segment in segments) * self._extent_size
            volume = LogicalVolume(f"/dev/{self.name}/{name}", name, self.name, lv.text("id"), size, kind)
            yield MappedVolume(volume, self._parents_of(lv), self._content(volume, mapper))

    def _content(self, volume: LogicalVolume, mapper: Mapper) -> DiskFile | Declined | None:
        if volume.kind in NO_WORD_OF_IT:
            return None
        if "EXPORTED" in self._section.words("status"):
            return Declined(volume.device, f"the volume group {self.name} is exported")
        try:
            return mapper.volume(volume.name)
        except BadImage as error:
            return Declined(volume.device, error.message)

    def _files(self) -> dict[str, DiskFile | Declined]:
        """The extents of each physical volume, by the name that the text has for it."""
        found: dict[str, DiskFile | Declined] = {}
        for name, pv in self._pvs.items():
            uuid = pv.text("id")
            members, start = self._members.get(uuid, []), pv.number("pe_start") * SECTOR
            if len(members) == 1:
                disk = members[0].disk
                found[name] = disk.part(start, max(0, disk.size - start), members[0].device)
            elif members:
                known = f"the physical volume {uuid} of the volume group {self.name}"
                found[name] = Declined(name, f"{known} is there {len(members)} times")
            else:
                found[name] = Declined(name, missing_pv(uuid, self.name), damaged=True, hint=MORE_DISKS)
        return found

    def _snapshots(self) -> dict[str, str]:
        """Volumes that are not what their segments say: snapshots, and origins that are being rolled back."""
        kinds = {}
        for lv in self._lvs.values():
            for segment in segments_of(lv):
                if segment.values.get("type") != "snapshot":
                    continue
                kinds[str(segment.values.get("cow_store", segment.values.get("merging_store")))] = "snapshot"
                if "merging_store" in segment.values:
                    kinds[str(segment.values.get("origin"))] = "snapshot-merge"
        return kinds

    def _parents_of(self, lv: Section) -> tuple[str, ...]:
        """The devices below a logical volume: as they follow in it, or as the disks do where they are below others."""
        hidden = {
            str(word)
            for segment in segments_of(lv)
            for key, value in segment.values.items()
            if key not in WORDS_OF_PEOPLE
            for word in (value if isinstance(value, list) else [value])
        }
        found = tuple(dict.fromkeys(self._parents(lv, set())))
        return found if hidden.isdisjoint(self._lvs) else tuple(sorted(found, key=device_order))

    def _parents(self, lv: Section, seen: set[str]) -> Iterator[str]:
        """The physical volumes below a logical one, also through its hidden parts."""
        for segment in segments_of(lv):
            for key, value in segment.values.items():
                if key in WORDS_OF_PEOPLE:
                    continue
                for name in value if isinstance(value, list) else [value]:
                    if not isinstance(name, str) or name in seen:
                        continue
                    seen.add(name)
                    if name in self._pvs:
                        yield from (
                            member.device for member in self._members.get(self._pvs[name].text("id"), ())
                        )
                    elif name in self._lvs:
                        yield from self._parents(self._lvs[name], seen)


def _kind_of(segments: Sequence[Section]) -> str:
    """What lvs calls the segment type."""
    kinds = [kind_of_segment(segment) for segment in segments]
    # A volume that is linear only in part is called after the other part.
    return next((kind for kind in kinds if kind != "linear"), "linear" if kinds else "empty")
