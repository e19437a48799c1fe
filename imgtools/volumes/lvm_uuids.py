"""Give LVM physical volumes and volume groups new UUIDs, without LVM and without booting.

A UUID always has the same length, so the metadata is rewritten where it stands: the label and physical volume
header, and the text in every metadata area, each with its checksum. The layout is that of lvm2's
lib/format_text/layout.h and lib/label/label.h. It must run on an overlay, all physical volumes of a group at once.
"""

from __future__ import annotations

import re
import secrets
import string
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from imgtools.errors import EditFailed

SECTOR = 512
LABEL_SECTORS = 4  # LVM looks for its label in the first four
LABEL_ID, LABEL_TYPE = b"LABELONE", b"LVM2 001"
AREA_MAGIC = b" LVM2 x[5A%r0N*>"
AREA_HEADER = 512
INITIAL_CRC = 0xF597A6CF  # lib/misc/crc.h
LOCATION = struct.Struct("<QQLL")  # raw_locn: offset, size, checksum, flags
LARGEST_TEXT = 64 << 20
GROUPING = (6, 4, 4, 4, 4, 4, 6)  # how LVM writes its 32 letters
UUID = r"[0-9A-Za-z]{6}(?:-[0-9A-Za-z]{4}){5}-[0-9A-Za-z]{6}"


@dataclass(frozen=True, slots=True)
class _Area:
    """One copy of the group's text on one physical volume; offsets count from the volume's first byte."""

    header: int
    start: int  # of the ring, behind the header
    size: int  # of the ring
    offset: int  # of the text, from ``header``
    length: int
    text: bytes


@dataclass(frozen=True, slots=True)
class _Member:
    """One physical volume."""

    device: str
    stream: BinaryIO
    label: int  # offset of the label's sector
    header: int  # offset of the physical volume's header
    uuid: str
    areas: tuple[_Area, ...]


def renew_uuids(
    volumes: Mapping[str, BinaryIO], groups: Sequence[str], keep_groups: Sequence[str] = ()
) -> dict[str, str]:
    """Give ``groups`` and their physical volumes new random UUIDs; return old UUID to new.

    :param volumes: device to a stream over the physical volume, open for reading and writing; all that there are.
    :param keep_groups: groups that keep their own UUID.
    :raises EditFailed: a volume is not LVM's, its metadata is damaged, or a group is not wholly there.
    """
    members = [_read_member(device, stream) for device, stream in volumes.items()]
    renewed: dict[str, str] = {}
    for group in groups:
        renewed.update(_new_names(group, members, keep=group in keep_groups))
    for member in members:
        _write_member(member, renewed)
    for member in members:
        # Every checksum is looked at again, and the name that was given.
        if _read_member(member.device, member.stream).uuid != renewed.get(member.uuid, member.uuid):
            raise EditFailed(f"{member.device}: the new UUID cannot be read again")
    return renewed


def new_uuid() -> str:
    """Return a random UUID in LVM's spelling."""
    letters = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))
    parts, start = [], 0
    for length in GROUPING:
        parts.append(letters[start : start + length])
        start += length
    return "-".join(parts)


def lvm_crc(content: bytes) -> int:
    """LVM's checksum: CRC-32 with its own start and no final inversion."""
    return zlib.crc32(content, INITIAL_CRC ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


# -- reading ----------------------------------------------------------------------------------------------


def _read_member(device: str, stream: BinaryIO) -> _Member:
    head = _read(stream, 0, LABEL_SECTORS * SECTOR)
    for label in range(0, LABEL_SECTORS * SECTOR, SECTOR):
        if head[label : label + 8] == LABEL_ID and head[label + 24 : label + 32] == LABEL_TYPE:
            break
    else:
        raise EditFailed(f"{device} has no LVM label")
    checksum, offset = struct.unpack_from("<LL", head, label + 16)
    if checksum != lvm_crc(head[label + 20 : label + SECTOR]):
        raise EditFailed(f"{device}: the LVM label is damaged")
    header = label + offset
    raw = head[header : header + 32].decode("ascii", "replace")
    uuid = "-".join(raw[sum(GROUPING[:i]) : sum(GROUPING[: i + 1])] for i in range(len(GROUPING)))
    locations = _locations(device, head, header + 40)
    areas = (_read_area(device, stream, start) for start in locations)
    return _Member(device, stream, label, header, uuid, tuple(area for area in areas if area is not None))


def _locations(device: str, head: bytes, position: int) -> list[int]:
    """Return where the metadata areas begin: the second of two lists that each end with zeros."""
    lists: list[list[int]] = []
    found: list[int] = []
    while len(lists) < 2:
        if position + 16 > len(head):
            raise EditFailed(f"{device}: the LVM header does not end")
        start, _size = struct.unpack_from("<QQ", head, position)
        position += 16
        if start:
            found.append(start)
        else:
            lists.append(found)
            found = []
    return lists[1]


def _read_area(device: str, stream: BinaryIO, header: int) -> _Area | None:
    """Read one metadata area; None if it holds no text."""
    head = _read(stream, header, AREA_HEADER)
    checksum, magic, _, start, size = struct.unpack_from("<L16sLQQ", head)
    if magic != AREA_MAGIC or checksum != lvm_crc(head[4:]):
        raise EditFailed(f"{device}: a metadata area of LVM is damaged")
    offset, length, text_checksum, _ = LOCATION.unpack_from(head, 40)
    if not offset or not length:
        return None
    if length > min(size, LARGEST_TEXT) or not AREA_HEADER <= offset < size:
        raise EditFailed(f"{device}: a metadata area of LVM makes no sense")
    area = _Area(header, start + AREA_HEADER, size - AREA_HEADER, offset, length, b"")
    text = b"".join(_read(stream, where, count) for where, count in _pieces(area))
    if text_checksum != lvm_crc(text):
        raise EditFailed(f"{device}: the metadata of LVM does not match its checksum")
    return _Area(header, area.start, area.size, offset, length, text)


def _pieces(area: _Area) -> list[tuple[int, int]]:
    """Where the text stands: it wraps to the start of the ring (lib/format_text/format-text.c)."""
    first = min(area.length, AREA_HEADER + area.size - area.offset)
    pieces = [(area.header + area.offset, first)]
    if first < area.length:
        pieces.append((area.start, area.length - first))
    return pieces


def _read(stream: BinaryIO, offset: int, length: int) -> bytes:
    stream.seek(offset)
    content = stream.read(length)
    if len(content) != length:
        raise EditFailed(f"the volume ends at {offset + len(content)}, within the metadata of LVM")
    return content


# -- renaming ---------------------------------------------------------------------------------------------


def _new_names(group: str, members: Sequence[_Member], *, keep: bool) -> dict[str, str]:
    """Return old to new UUID of one group and of its physical volumes.

    :raises EditFailed: there is no such group, or one of its physical volumes is missing.
    """
    mine = [m for m in members if any(_is_of(area.text, group) for area in m.areas)]
    if not mine:
        raise EditFailed(f"no volume group {group} in the image")
    text = next(area.text for area in mine[0].areas if _is_of(area.text, group)).decode(
        "utf-8", "surrogateescape"
    )
    group_uuid = re.search(rf'\bid\s*=\s*"({UUID})"', text)
    block = re.search(
        r"physical_volumes\s*\{(.*?)\n\s*\}\s*\n\s*(?:logical_volumes\s*\{|\})", text + "\n}", re.DOTALL
    )
    if group_uuid is None or block is None:
        raise EditFailed(f"the metadata of volume group {group} is not understood")
    volumes = re.findall(rf'\bid\s*=\s*"({UUID})"', block[1])
    here = {member.uuid for member in members}
    if missing := [uuid for uuid in volumes if uuid not in here]:
        raise EditFailed(
            f"a physical volume of {group} is not in the image: {missing[0]}", hint="add its disk with -a"
        )
    renewed = {uuid: new_uuid() for uuid in volumes}
    if not keep:
        renewed[group_uuid[1]] = new_uuid()
    return renewed


def _is_of(text: bytes, group: str) -> bool:
    return re.match(rb"\s*" + re.escape(group.encode()) + rb"\s*\{", text) is not None


# -- writing ----------------------------------------------------------------------------------------------


def _write_member(member: _Member, renewed: Mapping[str, str]) -> None:
    for area in member.areas:
        text = area.text
        for old, new in renewed.items():
            text = text.replace(b'"' + old.encode() + b'"', b'"' + new.encode() + b'"')
        if text != area.text:
            _write_area(member.stream, area, text)
    if member.uuid in renewed:
        _write_label(member, renewed[member.uuid])
    member.stream.flush()


def _write_area(stream: BinaryIO, area: _Area, text: bytes) -> None:
    done = 0
    for where, count in _pieces(area):
        stream.seek(where)
        stream.write(text[done : done + count])
        done += count
    head = bytearray(_read(stream, area.header, AREA_HEADER))
    offset, length, _, flags = LOCATION.unpack_from(head, 40)
    LOCATION.pack_into(head, 40, offset, length, lvm_crc(text), flags)
    struct.pack_into("<L", head, 0, lvm_crc(bytes(head[4:])))
    stream.seek(area.header)
    stream.write(head)


def _write_label(member: _Member, uuid: str) -> None:
    sector = bytearray(_read(member.stream, member.label, SECTOR))
    place = member.header - member.label
    sector[place : place + 32] = uuid.replace("-", "").encode()
    struct.pack_into("<L", sector, 16, lvm_crc(bytes(sector[20:])))
    member.stream.seek(member.label)
    member.stream.write(sector)
