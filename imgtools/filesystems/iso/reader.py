"""ISO 9660 with Rock Ridge or Joliet, read without mounting, as Linux' isofs shows it.

Own code, because the library there is knows no modes, owners and times (docs/decisions/filesystem-readers.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

from imgtools.errors import OddGuest
from imgtools.filesystems.inodes import KIND_OF_MODE, InodeFilesystem, mount_reader
from imgtools.filesystems.iso.record import (
    ASSOCIATED,
    DIRECTORY,
    MORE_EXTENTS,
    SECTOR,
    BadRecord,
    Record,
    RockRidge,
    joliet_name,
    parse_directory,
    parse_record,
    parse_rock_ridge,
    plain_name,
    susp_skip,
)
from imgtools.filesystems.stream import MappedFile, buffered
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind, FileStat
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile

FIRST_DESCRIPTOR = 16
MOST_DESCRIPTORS = 100
PRIMARY, SUPPLEMENTARY, TERMINATOR = 1, 2, 255
JOLIET = (b"%/@", b"%/C", b"%/E")  # escape sequences of its three levels
DIRECTORY_LIMIT = 64 << 20  # bytes
CONTINUATION_LIMIT = 65536
MOST_SECTIONS = 1024  # of one file; each may have 4 GB


@dataclass(frozen=True, slots=True)
class Disc:
    """What the volume descriptors say."""

    sectors: int
    root: int  # sector
    joliet: bool
    rock_ridge: int | None  # bytes to skip in every system use area


def mount_iso(disk: DiskFile) -> InodeFilesystem | Declined:
    """Mount a CD or DVD image, or say why this reader leaves it to another."""
    disc = find_disc(disk)
    return (
        Declined(disk.name, disc) if isinstance(disc, str) else mount_reader(disk.name, IsoReader(disk, disc))
    )


def find_disc(disk: DiskFile) -> Disc | str:
    """Read the volume descriptors: Rock Ridge is preferred to Joliet, as in Linux."""
    primary = joliet = None
    for number in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + MOST_DESCRIPTORS):
        raw = disk.read_at(number * SECTOR, SECTOR)
        if raw[1:6] != b"CD001" or raw[0] == TERMINATOR:
            break
        if raw[0] == PRIMARY and primary is None:
            primary = raw
        elif raw[0] == SUPPLEMENTARY and raw[88:91] in JOLIET:
            joliet = raw
    if primary is None:
        return "no ISO 9660 descriptor"
    if int.from_bytes(primary[128:130], "little") != SECTOR:
        return "ISO 9660 with another block size than 2048"
    sectors = int.from_bytes(primary[80:84], "little")
    try:
        root = parse_record(primary[156:190]).extent
        first = parse_record(disk.read_exactly(root * SECTOR, SECTOR))
        skip = susp_skip(first.system_use)
        if skip is None and joliet is not None:
            return Disc(sectors, parse_record(joliet[156:190]).extent, True, None)
    except BadRecord as error:
        return f"damaged ISO 9660: its root is {error}"
    return Disc(sectors, root, False, skip)


class IsoReader:
    """Structures of one disc; implements :class:`imgtools.filesystems.inodes.InodeReader`.

    A file's number is the byte offset of its record; a directory's that of its own first record, ``.``.
    """

    def __init__(self, disk: DiskFile, disc: Disc) -> None:
        self._disk = disk
        self._disc = disc

    @property
    def root(self) -> int:
        return self._disc.root * SECTOR

    @property
    def ignores_case(self) -> bool:
        return self._disc.joliet  # in Linux only Joliet does, unless it is told otherwise

    def _damaged(self, what: str) -> NoReturn:
        raise OddGuest(f"{self._disk.name}: damaged ISO 9660: {what}", hint="the image may be incomplete")

    def _record(self, inode: int) -> Record:
        try:
            return parse_record(self._disk.read_exactly(inode, SECTOR - inode % SECTOR))
        except BadRecord as error:
            self._damaged(f"{error} at {inode}")

    def _rock_ridge(self, record: Record) -> RockRidge:
        if self._disc.rock_ridge is None:
            return RockRidge()
        return parse_rock_ridge(record.system_use[self._disc.rock_ridge :], self._area)

    def _area(self, offset: int, length: int) -> bytes:
        return self._disk.read_at(offset, min(length, CONTINUATION_LIMIT))

    def stat(self, inode: int) -> FileStat:
        record = self._record(inode)
        extra = self._rock_ridge(record)
        is_directory = bool(record.flags & DIRECTORY)
        kind, mode = (FileKind.DIRECTORY if is_directory else FileKind.FILE), 0o555
        if extra.mode is not None:
            kind, mode = KIND_OF_MODE.get(extra.mode & 0o170000, kind), extra.mode & 0o7777
        size = record.size
        if kind is FileKind.LINK:
            size = len(extra.target)
        elif record.flags & MORE_EXTENTS:
            size = sum(length for _sector, length in self._sections(inode))
        return FileStat(
            kind,
            size,
            mode,
            extra.uid,
            extra.gid,
            extra.links,
            inode // 32,
            extra.device if kind in (FileKind.CHARACTER, FileKind.BLOCK) else (0, 0),
            record.time if extra.atime is None else extra.atime,
            record.time if extra.mtime is None else extra.mtime,
            record.time if extra.ctime is None else extra.ctime,
            room=0 if kind is FileKind.LINK else size + -size % SECTOR,
        )

    def names(self, inode: int) -> dict[str, int]:
        record = self._record(inode)
        if record.size > DIRECTORY_LIMIT:
            self._damaged(f"a directory of {record.size} bytes at {inode}")
        start = record.extent * SECTOR
        names: dict[str, int] = {}
        try:
            raw = self._disk.read_exactly(start, record.size)
            continues = False
            for at, entry in parse_directory(raw):
                first, continues = not continues, bool(entry.flags & MORE_EXTENTS)
                if entry.name in (b"\0", b"\1") or entry.flags & ASSOCIATED or not first:
                    continue
                found = self._name(entry, start + at)
                if found:
                    names[found[0]] = found[1]
        except BadRecord as error:
            self._damaged(f"{error} in the directory at {inode}")
        return names

    def _name(self, entry: Record, place: int) -> tuple[str, int] | None:
        """The name of an entry and the number of what it leads to; None: not to be shown."""
        number = entry.extent * SECTOR if entry.flags & DIRECTORY else place
        if self._disc.joliet:
            return joliet_name(entry.name), number
        extra = self._rock_ridge(entry)
        if extra.relocated:
            return None
        name = extra.name or plain_name(entry.name)
        return name.decode("utf-8", "surrogateescape"), extra.child * SECTOR if extra.child else number

    def _sections(self, inode: int) -> Iterator[tuple[int, int]]:
        """The pieces of a file: sector and length. One larger than 4 GB has several records in a row."""
        for _ in range(MOST_SECTIONS):
            record = self._record(inode)
            yield record.extent, record.size
            if not record.flags & MORE_EXTENTS:
                return
            inode += record.length
            if not self._disk.read_at(inode, 1).strip(b"\0"):
                inode += SECTOR - inode % SECTOR
        self._damaged("a file in too many sections")

    def stretch(self, inode: int) -> tuple[int, int] | None:
        """Where a file's content lies in one piece: byte and length; None if it is in several, or compressed."""
        record = self._record(inode)
        if record.flags & MORE_EXTENTS or self._rock_ridge(record).compressed:
            return None
        return record.extent * SECTOR, record.size

    def content(self, inode: int) -> BinaryIO:
        if self._rock_ridge(self._record(inode)).compressed:
            raise OddGuest(
                f"{self._disk.name}: the file is compressed (zisofs)",
                hint="imgtools --engine appliance reads it",
            )
        sections = list(self._sections(inode))
        size = sum(length for _sector, length in sections)
        return buffered(MappedFile(self._disk, SectionMap(sections), SECTOR, size))

    def link(self, inode: int) -> str:
        return self._rock_ridge(self._record(inode)).target.decode("utf-8", "surrogateescape")

    def xattrs(self, inode: int) -> Mapping[str, bytes]:
        return {}

    def usage(self) -> Usage:
        """As isofs_statfs: everything is used, and there are no inodes."""
        return Usage(self._disc.sectors * SECTOR, 0, 0, 0, 0)


class SectionMap:
    """The sectors of a file in one or several pieces; all but the last are whole sectors."""

    def __init__(self, sections: list[tuple[int, int]]) -> None:
        self._sections = sections

    def find(self, block: int) -> tuple[int | None, int]:
        for sector, length in self._sections:
            count = -(-length // SECTOR)
            if block < count:
                return sector + block, count - block
            block -= count
        return None, 1
