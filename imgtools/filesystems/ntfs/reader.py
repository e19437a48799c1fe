"""NTFS, read through libfsntfs, as ntfs-3g shows it (docs/decisions/filesystem-readers.md).

The metadata files are hidden, links of all kinds are links, everything belongs to root with mode 0777.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from imgtools.errors import OddGuest
from imgtools.filesystems.ntfs import reparse
from imgtools.filesystems.ntfs.bits import ReadAt, count_zeros
from imgtools.filesystems.ntfs.content import NtfsFile, first_words
from imgtools.filesystems.ntfs.index import BadIndex, IndexEntry, parse_block, parse_root
from imgtools.filesystems.ntfs.other_names import NtfsFilesystem, mount_names
from imgtools.filesystems.ntfs.record import (
    ATTRIBUTE_LIST,
    BITMAP,
    COMPRESSED,
    DATA,
    INDEX_ALLOCATION,
    INDEX_ROOT,
    NAMES,
    REPARSE_POINT,
    VOLUME_INFORMATION,
    Attribute,
    Record,
    RunMap,
    listed_records,
    log_is_clean,
    parse_record,
)
from imgtools.filesystems.stream import MappedFile, buffered, read_mapped
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind, FileStat
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile

if TYPE_CHECKING:
    import pyfsntfs

MFT, LOGFILE, VOLUME, ROOT, CLUSTER_BITMAP = 0, 2, 3, 5, 6
FIRST_USER_FILE = 16
INDEX_MASK = (1 << 48) - 1  # a file reference is 48 bits of index and 16 of sequence
EPOCH = 116444736000000000  # 1970 in FILETIME: 100 ns since 1601
HIDDEN, SYSTEM, REPARSE, ENCRYPTED = 0x2, 0x4, 0x400, 0x4000
DIRTY = 1  # VOLUME_IS_DIRTY
LONGEST_INTERIX = 8 + 2 * 4096
LONGEST_STREAM = 65536  # XATTR_SIZE_MAX
LONGEST_LIST = 1 << 24  # bytes of a bitmap or of a list of attributes
STREAM = 1 << 64  # the first number that is no reference
STATS_KEPT = 50_000


def mount_ntfs(disk: DiskFile) -> NtfsFilesystem | Declined:
    """Mount an NTFS volume in this process, or say why this reader leaves it to another."""
    reader = open_ntfs(disk)
    return reader if isinstance(reader, Declined) else mount_names(disk.name, reader)


def open_ntfs(disk: DiskFile) -> NtfsReader | Declined:
    """Open an NTFS volume, or say why this reader leaves it to another."""
    import pyfsntfs

    volume = pyfsntfs.volume()
    try:
        volume.open_file_object(disk)
        reader = NtfsReader(disk, volume)
        reason = reader.why_not()
    except OddGuest as error:
        return Declined(disk.name, error.message, damaged=True)
    except OSError as error:
        return Declined(disk.name, f"NTFS: libfsntfs does not open it: {first_words(error)}")
    return Declined(disk.name, reason) if reason else reader


def same(one: str, other: str) -> bool:
    """Whether two names are one where letter case does not count."""
    return one.upper() == other.upper()


class NtfsReader:
    """Structures of one filesystem; implements :class:`imgtools.filesystems.inodes.InodeReader`.

    A file's number is its reference: 48 bits of its record's number, and 16 that change when the record gets another
    file (0: whichever it has). Numbers from STREAM on are alternate streams.
    """

    root = ROOT
    ignores_case = True

    def __init__(self, disk: DiskFile, volume: pyfsntfs.volume) -> None:
        self._disk = disk
        self._volume = volume
        self._record_size = volume.get_mft_entry_size()
        self._cluster = volume.get_cluster_block_size()
        self._mft = volume.get_file_entry(MFT)
        self._stats: dict[int, FileStat] = {}
        self._parents: dict[int, int] = {}
        self._streams: list[tuple[int, str]] = []

    def why_not(self) -> str:
        """Why this volume must not be read as it is; empty: it may."""
        if self._size() > self._disk.size:
            return f"the filesystem has {self._size()} bytes and its volume {self._disk.size}"
        information = self._record(VOLUME)
        flags = information.first(VOLUME_INFORMATION) if information else None
        if flags is None or flags.value is None or len(flags.value) < 12:
            return "NTFS without volume information"
        if int.from_bytes(flags.value[10:12], "little") & DIRTY:
            return "NTFS is marked dirty (Windows did not shut down cleanly)"
        if not log_is_clean(self._volume.get_file_entry(LOGFILE).read_buffer_at_offset(8192, 0)):
            return "the NTFS log is not closed (Windows did not shut down cleanly)"
        if self._is_hibernated():
            return "Windows is hibernated on it (or shut down with fast startup)"
        return ""

    def _size(self) -> int:
        """The size that the boot sector tells: sectors times their size."""
        raw = self._disk.read_at(0, 48)
        return int.from_bytes(raw[40:48], "little") * int.from_bytes(raw[11:13], "little")

    def _is_hibernated(self) -> bool:
        """As ntfs_volume_check_hiberfile: the file begins with "hibr" while the memory image is valid."""
        names = {name.lower(): inode for name, inode in self.names(ROOT).items()}
        inode = names.get("hiberfil.sys")
        if inode is None or self.stat(inode).size < 4096:
            return False
        return self._entry(inode).read_buffer_at_offset(4, 0).lower() == b"hibr"

    # -- files ---------------------------------------------------------------------------------------------

    def _entry(self, inode: int) -> pyfsntfs.file_entry:
        try:
            entry = self._volume.get_file_entry(inode & INDEX_MASK)
        except OSError as error:
            self._damaged(f"file {inode}: {first_words(error)}")
        return entry

    def _damaged(self, what: str) -> NoReturn:
        raise OddGuest(f"{self._disk.name}: damaged NTFS: {what}", hint="chkdsk in Windows tells more")

    def _record(self, inode: int) -> Record | None:
        place = (inode & INDEX_MASK) * self._record_size
        try:
            return parse_record(self._mft.read_buffer_at_offset(self._record_size, place))
        except OSError as error:
            self._damaged(f"record {inode & INDEX_MASK}: {first_words(error)}")

    def _find(self, inode: int, kind: int, name: str) -> list[Attribute]:
        """The pieces of an attribute, in their order."""
        pieces = [one for one in self._attributes(inode, kind) if one.type == kind and one.name == name]
        return sorted(pieces, key=lambda one: one.first_cluster)

    def _attributes(self, inode: int, kind: int) -> list[Attribute]:
        """What a file has, all of one kind among it: it may lie in several records, which a list names."""
        record = self._record(inode)
        if record is None:
            self._damaged(f"file {inode & INDEX_MASK} has a bad record")
        found = list(record.attributes)
        listing = record.first(ATTRIBUTE_LIST)
        if listing is not None:
            for number in dict.fromkeys(listed_records(self._content(listing, LONGEST_LIST), kind)):
                other = self._record(number) if number != inode & INDEX_MASK else None
                found += other.attributes if other else ()
        return found

    def _room(self, inode: int, kind: int) -> int:
        """The bytes of the clusters that hold a file, with its streams and what Windows compressed; no hole is one."""
        pieces = (one for one in self._attributes(inode, kind) if one.type == kind)
        runs = (run for piece in pieces for run in piece.runs)
        return sum(count for cluster, count in runs if cluster is not None) * self._cluster

    def _content(self, attribute: Attribute, limit: int) -> bytes:
        """The whole of an attribute that is small in a healthy filesystem."""
        if attribute.value is not None:
            return attribute.value
        blocks = RunMap(attribute.runs)
        return read_mapped(self._disk, blocks, self._cluster, attribute.size, limit, "an attribute")

    def stat(self, inode: int) -> FileStat:
        if inode >= STREAM:
            file, name = self._streams[inode - STREAM]
            size = self._stream(file, name).get_size()
            return replace(self.stat(file), kind=FileKind.FILE, size=size)
        found = self._stats.get(inode)
        if found is None:
            found = self._remember(inode, self._entry(inode))
        return found

    def _remember(self, inode: int, entry: pyfsntfs.file_entry) -> FileStat:
        try:
            found = self._parse_stat(inode, entry)
        except OSError as error:
            self._damaged(f"file {inode}: {first_words(error)}")
        if len(self._stats) >= STATS_KEPT:
            self._stats.clear()
        self._stats[inode] = found
        return found

    def _parse_stat(self, inode: int, entry: pyfsntfs.file_entry) -> FileStat:
        record = self._record(inode)
        if record is None or not record.in_use:
            self._damaged(f"file {inode & INDEX_MASK} has a bad record, or none")
        if inode > INDEX_MASK and record.sequence != inode >> 48:
            self._damaged(f"file {inode & INDEX_MASK} is another one than its name leads to")
        flags, size, device = entry.get_file_attribute_flags(), 0, (0, 0)
        if flags is None:
            self._damaged(f"file {inode} has no standard information")
        is_directory = bool(self._find(inode, INDEX_ROOT, NAMES))
        if flags & REPARSE and self._is_link(record):
            kind, size = FileKind.LINK, len(self.link(inode).encode("utf-8", "surrogateescape"))
        elif is_directory:
            index = record.first(INDEX_ALLOCATION)
            kind, size = FileKind.DIRECTORY, index.size if index else 0
        else:
            size = entry.get_size() if entry.has_default_data_stream() else 0
            kind, device = self._special(entry, flags, size)
            if kind is FileKind.LINK:
                size = len(self.link(inode).encode("utf-8", "surrogateescape"))
        return FileStat(
            kind,
            size,
            0o777,
            links=record.links,
            inode=inode & INDEX_MASK,
            device=device,
            atime=parse_time(entry.get_access_time_as_integer()),
            mtime=parse_time(entry.get_modification_time_as_integer()),
            ctime=parse_time(entry.get_entry_modification_time_as_integer()),
            crtime=parse_time(entry.get_creation_time_as_integer()),
            room=self._room(inode, INDEX_ALLOCATION if is_directory else DATA),
        )

    @staticmethod
    def _is_link(record: Record) -> bool:
        """Whether a reparse point is shown as a link: all but files that Windows compressed, which are read."""
        point = record.first(REPARSE_POINT)
        return point is None or point.value is None or reparse.reparse_tag(point.value) != reparse.WOF

    @staticmethod
    def _special(entry: pyfsntfs.file_entry, flags: int, size: int) -> tuple[FileKind, tuple[int, int]]:
        """What a system file of Services for Unix stands for (ntfs_interix_types of ntfs-3g)."""
        if not flags & SYSTEM:
            return FileKind.FILE, (0, 0)
        if size < 2 and not flags & HIDDEN:
            return (FileKind.SOCKET if size else FileKind.FIFO), (0, 0)
        if 8 < size <= LONGEST_INTERIX:
            content = entry.read_buffer_at_offset(24, 0)
            device = reparse.interix_device(content)
            if device:
                return (FileKind.BLOCK if device[0] else FileKind.CHARACTER), device[1]
            if content.startswith(reparse.INTERIX_LINK):
                return FileKind.LINK, (0, 0)
        return FileKind.FILE, (0, 0)

    def names(self, inode: int) -> dict[str, int]:
        names = {entry.name: entry.reference for entry in self.index(inode) if not entry.is_short}
        self._parents.update(dict.fromkeys(names.values(), inode))
        return names

    def short_name(self, inode: int, name: str) -> int | None:
        """Return the file with a short name beside its own in a directory; None if there is none."""
        shorts = (one for one in self.index(inode) if one.is_short and same(one.name, name))
        return next((one.reference for one in shorts), None)

    def index(self, inode: int) -> Iterator[IndexEntry]:
        """Yield everything that a directory holds but the metadata files: long names and short ones.

        :raises OddGuest: it is damaged.
        """
        try:
            for entry in self._index(inode):
                if entry.reference & INDEX_MASK >= FIRST_USER_FILE:
                    yield entry
        except BadIndex as error:
            self._damaged(f"directory {inode & INDEX_MASK}: {error}")

    def _index(self, inode: int) -> Iterator[IndexEntry]:
        root = self._find(inode, INDEX_ROOT, NAMES)
        if not root or root[0].value is None:
            raise BadIndex("it has no index")
        size, entries = parse_root(root[0].value)
        yield from entries
        pieces = self._find(inode, INDEX_ALLOCATION, NAMES)
        if not pieces:
            return
        whole = pieces[0].size
        blocks = RunMap(run for piece in pieces for run in piece.runs)
        used = b"".join(self._content(piece, LONGEST_LIST) for piece in self._find(inode, BITMAP, NAMES))
        for number in range(min(whole // size, len(used) * 8)):
            if used[number // 8] >> number % 8 & 1:
                stream = MappedFile(self._disk, blocks, self._cluster, whole)
                stream.seek(number * size)
                yield from parse_block(stream.read(size) or b"")

    def content(self, inode: int) -> BinaryIO:
        if inode >= STREAM:
            file, name = self._streams[inode - STREAM]
            opened = self._stream(file, name)
            return buffered(NtfsFile(self._disk.name, file & INDEX_MASK, opened, opened.get_size()))
        entry = self._entry(inode)
        if (entry.get_file_attribute_flags() or 0) & ENCRYPTED:
            raise OddGuest(
                f"{self._disk.name}: file {inode & INDEX_MASK} is encrypted by Windows (EFS)",
                hint="only Windows with the user's key can read it",
            )
        size, runs = self.stat(inode).size, self._holes(inode)
        holes = None if runs is None else MappedFile(self._disk, runs, self._cluster, size)
        return buffered(NtfsFile(self._disk.name, inode & INDEX_MASK, entry, size, holes))

    def _holes(self, inode: int) -> RunMap | None:
        """Where a file has data and holes; None where nobody can tell: it is compressed, or in its record."""
        pieces = self._find(inode, DATA, "")
        if not pieces or any(piece.value is not None or piece.flags & COMPRESSED for piece in pieces):
            return None
        if self._find(
            inode, REPARSE_POINT, ""
        ):  # of a file that is kept elsewhere (CompactOS), it is all hole
            return None
        return RunMap(run for piece in pieces for run in piece.runs)

    # -- alternate streams ---------------------------------------------------------------------------------

    def stream_number(self, inode: int, name: str) -> int | None:
        """Return the number of an alternate stream of a file; None if it has none of that name, in any letter case."""
        found = next((one for one in self._entry(inode).alternate_data_streams if same(one.name, name)), None)
        if found is None:
            return None
        place = (inode, found.name)
        if place not in self._streams:
            self._streams.append(place)
        return STREAM + self._streams.index(place)

    def _stream(self, inode: int, name: str) -> pyfsntfs.data_stream:
        found = next((one for one in self._entry(inode).alternate_data_streams if one.name == name), None)
        if found is None:
            self._damaged(f"file {inode & INDEX_MASK} has lost its stream {name}")
        return found

    # -- links ---------------------------------------------------------------------------------------------

    def link(self, inode: int) -> str:
        record = self._record(inode)
        point = record.first(REPARSE_POINT) if record else None
        if point is not None and point.value is not None:
            value, above = point.value, self._parents.get(inode, ROOT)
            return reparse.link_target(
                value,
                lambda names: self._true_path(ROOT, names, "/"),
                lambda names: self._true_path(above, names, ""),
            )
        target = reparse.interix_link(self._entry(inode).read_buffer_at_offset(LONGEST_INTERIX, 0))
        return "unsupported reparse point" if target is None else target

    def _true_path(self, inode: int, names: list[str], start: str) -> str | None:
        """A path in the letter case of the volume; None if it does not exist. Links are not followed."""
        found = []
        for name in names:
            if name in ("", "."):
                continue
            if name == "..":
                inode = self._parents.get(inode, ROOT)
                found.append(name)
                continue
            if not self._find(inode, INDEX_ROOT, NAMES):
                return None
            match = next(
                (one for one in self.index(inode) if not one.is_short and same(one.name, name)), None
            )
            if match is None:
                return None
            found.append(match.name)
            inode = match.reference
        return start + "/".join(found) if found else None

    def xattrs(self, inode: int) -> Mapping[str, bytes]:
        """Alternate data streams, under the names that ntfs-3g gives them; none that is too large for that."""
        if inode >= STREAM:
            return {}
        entry = self._entry(inode)
        return {
            f"user.{stream.name}": stream.read_buffer_at_offset(stream.get_size(), 0)
            if stream.get_size()
            else b""
            for stream in entry.alternate_data_streams
            if stream.name and stream.get_size() <= LONGEST_STREAM
        }

    # -- usage ---------------------------------------------------------------------------------------------

    def usage(self) -> Usage:
        """As ntfs_fuse_statfs of ntfs-3g: what is free in the two bitmaps."""
        cluster = self._volume.get_cluster_block_size()
        bitmap = self._volume.get_file_entry(CLUSTER_BITMAP)
        free = count_zeros(bitmap.read_buffer_at_offset, bitmap.get_size())
        clusters = self._size() // cluster
        records = self._mft_bitmap()
        free_records = count_zeros(self._reader_of(records), records.size)
        free_records += (records.allocated - records.size) * 8 if records.value is None else 0
        possible = free * cluster // self._record_size
        return Usage(
            size=clusters * cluster,
            free=free * cluster,
            available=free * cluster,
            inodes=records.allocated * 8 + possible,
            inodes_free=possible + free_records,
        )

    def _mft_bitmap(self) -> Attribute:
        """Which records are in use: an attribute of the first record, or of one that its list names."""
        record = self._record(MFT)
        found = record.first(BITMAP) if record else None
        names = record.first(ATTRIBUTE_LIST) if record and found is None else None
        if names is not None and names.value is not None:
            for number in listed_records(names.value, BITMAP):
                other = self._record(number)
                found = other.first(BITMAP) if other else None
        if found is None:
            self._damaged("the file table has no bitmap")
        return found

    def _reader_of(self, attribute: Attribute) -> ReadAt:
        value = attribute.value
        if value is not None:
            return lambda size, offset: value[offset : offset + size]
        cluster = self._volume.get_cluster_block_size()
        pieces = [
            bytes(count * cluster)
            if start is None
            else self._disk.read_exactly(start * cluster, count * cluster)
            for start, count in attribute.runs
        ]
        content = b"".join(pieces)
        return lambda size, offset: content[offset : offset + size]


def parse_time(filetime: int | None) -> int:
    """Nanoseconds since 1970; a file whose times are lost has none."""
    return 0 if filetime is None else (filetime - EPOCH) * 100
