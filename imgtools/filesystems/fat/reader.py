"""FAT12, FAT16 and FAT32 with long names, read without mounting, as Linux' vfat shows them.

Own code: the format is small, and libfsfat gives wrong times (docs/decisions/filesystem-readers.md).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, NoReturn

from imgtools.errors import OddGuest
from imgtools.filesystems.fat.directory import ENTRY, READ_ONLY, Entry, parse_directory, parse_entry
from imgtools.filesystems.inodes import InodeFilesystem, mount_reader
from imgtools.filesystems.stream import PIECE, BlockMap, MappedFile, NoBlocks, buffered, read_mapped
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind, FileStat
from imgtools.records.usage import Usage
from imgtools.volumes.fat_boot_sector import Geometry, parse_boot_sector
from imgtools.volumes.volume_file import DiskFile

ROOT = 1
DIRECTORY_LIMIT = 64 << 20  # bytes; the format allows 2 MiB
ENTRIES_KEPT = 50_000  # of directories read before; some 20 MB
PAGE = 1 << 15  # bytes of the table read at once
PAGE_12 = 3 << 13  # a multiple of 3, so that no entry of 12 bits is cut


def mount_fat(disk: DiskFile) -> InodeFilesystem | Declined:
    """Mount a FAT volume, or say why this reader leaves it to another."""
    geometry = parse_boot_sector(disk.read_at(0, 512))
    if isinstance(geometry, str):
        return Declined(disk.name, f"FAT: {geometry}")
    end = (geometry.data + geometry.clusters * geometry.per_cluster) * geometry.sector
    if end > disk.size:
        return Declined(disk.name, f"the filesystem has {end} bytes and its volume {disk.size}")
    return mount_reader(disk.name, FatReader(disk, geometry))


class ChainMap:
    """The sectors of a file, found by following its chain of clusters only as far as is asked."""

    def __init__(self, reader: FatReader, cluster: int) -> None:
        self._reader = reader
        self._geometry = reader.geometry
        self._next: int | None = cluster
        self._runs: list[tuple[int, int, int]] = []  # index of the first cluster, number of clusters, cluster
        self._known = 0
        self._last = 0  # the run that was asked for last

    def find(self, block: int) -> tuple[int | None, int]:
        index, inner = divmod(block, self._geometry.per_cluster)
        while self._known <= index or self._grows(index):
            self._follow()
        run = self._run(index)
        first, count, cluster = self._runs[run]
        self._last = run
        per_cluster = self._geometry.per_cluster
        place = self._geometry.data + (cluster + index - first - 2) * per_cluster + inner
        return place, (first + count - index) * per_cluster - inner

    def length(self) -> int:
        """The length of the whole chain in clusters."""
        while self._next is not None:
            self._follow()
        return self._known

    def _grows(self, index: int) -> bool:
        """Whether the run that holds ``index`` may still grow: read on, for long reads in one piece."""
        first, count, cluster = self._runs[-1]
        return (
            first <= index and self._next == cluster + count and count * self._geometry.cluster_bytes < PIECE
        )

    def _run(self, index: int) -> int:
        run = self._last if self._runs[self._last][0] <= index else 0
        while index >= self._runs[run][0] + self._runs[run][1]:
            run += 1
        return run

    def _follow(self) -> None:
        cluster = self._next
        if cluster is None or not 2 <= cluster < self._geometry.clusters + 2:
            self._reader.damaged(
                f"a chain of clusters ends or leads to cluster {cluster} before the file ends"
            )
        if self._known > self._geometry.clusters:
            self._reader.damaged("a chain of clusters is a loop")
        if self._runs and self._runs[-1][2] + self._runs[-1][1] == cluster:
            first, count, start = self._runs[-1]
            self._runs[-1] = (first, count + 1, start)
        else:
            self._runs.append((self._known, 1, cluster))
        self._known += 1
        self._next = self._reader.next_cluster(cluster)


class FatReader:
    """Structures of one filesystem; implements :class:`imgtools.filesystems.inodes.InodeReader`.

    An inode's number is the place of its directory entry on the volume, in entries; 1 is the root.
    """

    root = ROOT
    ignores_case = True

    def __init__(self, disk: DiskFile, geometry: Geometry) -> None:
        self._disk = disk
        self.geometry = geometry
        self._pages: dict[int, bytes] = {}
        self._folders: dict[int, Sequence[Entry]] = {}
        self._entries: dict[int, Entry] = {}

    def damaged(self, what: str) -> NoReturn:
        """Raise the error of a structure that cannot be."""
        raise OddGuest(f"{self._disk.name}: damaged FAT: {what}", hint="fsck.fat -n tells more")

    # -- the table -----------------------------------------------------------------------------------------

    def next_cluster(self, cluster: int) -> int | None:
        """The cluster that follows; None at the end of a chain."""
        bits = self.geometry.bits
        size = PAGE_12 if bits == 12 else PAGE
        place = cluster * bits // 8
        page = self._page(place // size, size)
        inner = place % size
        if bits == 12:
            value = int.from_bytes(page[inner : inner + 2], "little")
            value = value >> 4 if cluster & 1 else value & 0xFFF
            return None if value >= 0xFF8 else value
        if bits == 16:
            value = int.from_bytes(page[inner : inner + 2], "little")
            return None if value >= 0xFFF8 else value
        value = int.from_bytes(page[inner : inner + 4], "little") & 0x0FFFFFFF
        return None if value >= 0x0FFFFFF8 else value

    def _page(self, number: int, size: int) -> bytes:
        if number not in self._pages:
            if len(self._pages) >= 64:
                self._pages.clear()
            start = number * size
            length = min(size, self.geometry.table_bytes - start)
            self._pages[number] = self._disk.read_exactly(
                self.geometry.table * self.geometry.sector + start, length
            )
        return self._pages[number]

    # -- files ---------------------------------------------------------------------------------------------

    def stat(self, inode: int) -> FileStat:
        if inode == ROOT:
            known = self.geometry
            size = known.root_bytes if known.bits < 32 else self._chain_bytes(known.root_cluster)
            links = self._directory_links(inode)
            return FileStat(FileKind.DIRECTORY, size, 0o755, links=links, inode=ROOT, room=size)
        entry = self._entry(inode)
        found = FileStat(
            FileKind.FILE,
            entry.size,
            0o755,
            inode=inode,
            atime=entry.atime,
            mtime=entry.mtime,
            ctime=entry.mtime,
            crtime=entry.crtime,
            room=entry.size + -entry.size % self.geometry.cluster_bytes,
        )
        if entry.is_directory:
            size, links = self._chain_bytes(entry.cluster), self._directory_links(inode)
            return replace(found, kind=FileKind.DIRECTORY, size=size, links=links, room=size)
        return replace(found, mode=0o555) if entry.attributes & READ_ONLY else found

    def _chain_bytes(self, cluster: int) -> int:
        return ChainMap(self, cluster).length() * self.geometry.cluster_bytes

    def _directory_links(self, inode: int) -> int:
        """Two, and one for each directory inside, as everywhere in Unix; Linux counts them too."""
        return 2 + sum(entry.is_directory for entry in self._list(inode))

    def _entry(self, inode: int) -> Entry:
        found = self._entries.get(inode)
        if found is None:
            found = parse_entry(self._disk.read_exactly(inode * ENTRY, ENTRY), inode * ENTRY, "")
        return found

    def content(self, inode: int) -> BinaryIO:
        entry = self._entry(inode)
        blocks: BlockMap = ChainMap(self, entry.cluster) if entry.size else NoBlocks()
        return buffered(MappedFile(self._disk, blocks, self.geometry.sector, entry.size))

    def names(self, inode: int) -> dict[str, int]:
        return {entry.name: entry.at // ENTRY for entry in self._list(inode)}

    def _list(self, inode: int) -> Sequence[Entry]:
        """The entries of a directory, kept: it is asked for again for what it holds, and how many directories."""
        found = self._folders.get(inode)
        if found is None:
            found = tuple(self._read_folder(inode))
            if len(self._entries) + len(found) > ENTRIES_KEPT:
                self._folders.clear()
                self._entries.clear()
            self._folders[inode] = found
            self._entries.update((entry.at // ENTRY, entry) for entry in found)
        return found

    def _read_folder(self, inode: int) -> Iterator[Entry]:
        """Read the entries of a directory; ``at`` of each is its place on the volume."""
        known = self.geometry
        if inode == ROOT and known.bits < 32:
            start = known.root * known.sector
            yield from parse_directory(self._disk.read_exactly(start, known.root_bytes), start.__add__)
            return
        cluster = known.root_cluster if inode == ROOT else self._entry(inode).cluster
        chain = ChainMap(self, cluster)
        size = chain.length() * known.cluster_bytes
        raw = read_mapped(self._disk, chain, known.sector, size, DIRECTORY_LIMIT, f"directory {inode}")

        def place(at: int) -> int:
            block, inner = divmod(at, known.sector)
            return (chain.find(block)[0] or 0) * known.sector + inner

        yield from parse_directory(raw, place)

    def link(self, inode: int) -> str:
        self.damaged(f"entry {inode} is no link: FAT has none")

    def xattrs(self, inode: int) -> Mapping[str, bytes]:
        return {}

    # -- usage ---------------------------------------------------------------------------------------------

    def usage(self) -> Usage:
        """As fat_statfs: clusters whose entry in the table is zero. FAT has no inodes."""
        known = self.geometry
        start, length = known.table * known.sector, (known.clusters + 2) * known.bits
        raw = self._disk.read_exactly(start, min(-(-length // 8) + 1, known.table_bytes))
        if known.bits == 12:
            free = sum(self.next_cluster(cluster) == 0 for cluster in range(2, known.clusters + 2))
        elif known.bits == 16:
            free = struct.unpack_from(f"<{known.clusters}H", raw, 4).count(0)
        else:
            free = self._count_free_32(raw)
        size = known.cluster_bytes
        return Usage(known.clusters * size, free * size, free * size, 0, 0)

    def _count_free_32(self, raw: bytes) -> int:
        """Zero entries of a FAT32 table; the upper four bits are reserved."""
        end, free = (self.geometry.clusters + 2) * 4, 0
        for at in range(8, end, PIECE):
            count = min(PIECE, end - at) // 4
            free += sum(1 for value in struct.unpack_from(f"<{count}I", raw, at) if not value & 0x0FFFFFFF)
        return free
