"""NTFS, read by libfsntfs in a worker: a directory is one question, its files' facts come with its names."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from imgtools.engine.confined.disk import again
from imgtools.engine.confined.worker import Worker
from imgtools.errors import ImgtoolsError, OddGuest, ToolMissing
from imgtools.filesystems.inodes import InodeFilesystem
from imgtools.filesystems.ntfs.other_names import mount_names
from imgtools.filesystems.ntfs.reader import STATS_KEPT, NtfsReader, open_ntfs
from imgtools.filesystems.stream import PIECE, PlacedFile, buffered
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind, FileStat
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile

Facts = tuple[str | int | None, ...]
KINDS = {kind.value: kind for kind in FileKind}


def mount_ntfs(disk: DiskFile) -> InodeFilesystem | Declined:
    """Mount an NTFS volume, or say why this reader leaves it to another.

    :raises ToolMissing: libfsntfs is not installed.
    """
    with again(disk) as way:
        worker = Worker(
            "libfsntfs",
            disk.name,
            lambda: _Service(way.open()),
            descriptors=way.descriptors,
            reads=way.reads,
            imports=("pyfsntfs",),
        )
    try:
        reason, damaged = worker.ask("why_not")
    except ImportError:
        raise ToolMissing("libfsntfs is not installed", hint="pip install libfsntfs-python") from None
    if reason:
        return Declined(disk.name, str(reason), bool(damaged))
    return mount_names(disk.name, _Reader(worker))


# -- in the worker ----------------------------------------------------------------------------------------


class _Service:
    """Answers in plain values."""

    def __init__(self, disk: DiskFile) -> None:
        self._opened: NtfsReader | Declined = open_ntfs(disk)
        self._file: tuple[int, BinaryIO] | None = None

    @property
    def _reader(self) -> NtfsReader:
        assert isinstance(self._opened, NtfsReader)
        return self._opened

    def why_not(self) -> tuple[str, bool]:
        found = self._opened
        return (found.reason, found.damaged) if isinstance(found, Declined) else ("", False)

    def names(self, inode: int) -> list[tuple[str, int, Facts | None]]:
        return [(name, number, self._facts(number)) for name, number in self._reader.names(inode).items()]

    def _facts(self, inode: int) -> Facts | None:
        try:
            return self.stat(inode)
        except ImgtoolsError:  # asked for by itself, it raises again
            return None

    def stat(self, inode: int) -> Facts:
        found = self._reader.stat(inode)
        return (
            *(found.kind.value, found.size, found.links, found.inode, *found.device),
            *(found.atime, found.mtime, found.ctime, found.room),
        )

    def short_name(self, inode: int, name: str) -> int | None:
        return self._reader.short_name(inode, name)

    def stream_number(self, inode: int, name: str) -> int | None:
        return self._reader.stream_number(inode, name)

    def link(self, inode: int) -> str:
        return self._reader.link(inode)

    def xattrs(self, inode: int) -> dict[str, bytes]:
        return dict(self._reader.xattrs(inode))

    def usage(self) -> tuple[int | None, ...]:
        found = self._reader.usage()
        return found.size, found.free, found.available, found.inodes, found.inodes_free

    def open(self, inode: int) -> None:
        self._file = (inode, self._reader.content(inode))

    def read(self, inode: int, offset: int, length: int) -> bytes:
        stream = self._stream(inode)
        stream.seek(offset)
        return stream.read(min(length, PIECE))

    def seek_data(self, inode: int, offset: int, whence: int) -> int | None:
        """Where the next data or hole is; -1: there is none, None: nobody can tell."""
        try:
            return self._stream(inode).seek(offset, whence)
        except io.UnsupportedOperation:
            return None
        except OSError:
            return -1

    def _stream(self, inode: int) -> BinaryIO:
        if self._file is None or self._file[0] != inode:
            self.open(inode)
        assert self._file is not None
        return self._file[1]


# -- here -------------------------------------------------------------------------------------------------


class _Reader:
    """Implements :class:`imgtools.filesystems.inodes.InodeReader` by asking the worker."""

    root = NtfsReader.root
    ignores_case = True

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._stats: dict[int, FileStat] = {}

    def stat(self, inode: int) -> FileStat:
        found = self._stats.get(inode)
        return self._keep(inode, self._worker.ask("stat", inode)) if found is None else found

    def _keep(self, inode: int, facts: Sequence[int]) -> FileStat:
        kind, size, links, number, major, minor, atime, mtime, ctime, room = facts
        if len(self._stats) >= STATS_KEPT:
            self._stats.clear()
        found = self._stats[inode] = FileStat(
            KINDS[kind],  # type: ignore[index]
            size,
            0o777,
            links=links,
            inode=number,
            device=(major, minor),
            atime=atime,
            mtime=mtime,
            ctime=ctime,
            room=room,
        )
        return found

    def names(self, inode: int) -> dict[str, int]:
        names = {}
        for name, number, facts in self._worker.ask("names", inode):
            names[name] = number
            if facts is not None and number not in self._stats:
                self._keep(number, facts)
        return names

    def short_name(self, inode: int, name: str) -> int | None:
        found = self._worker.ask("short_name", inode, name)
        return None if found is None else int(found)

    def stream_number(self, inode: int, name: str) -> int | None:
        found = self._worker.ask("stream_number", inode, name)
        return None if found is None else int(found)

    def link(self, inode: int) -> str:
        return str(self._worker.ask("link", inode))

    def xattrs(self, inode: int) -> Mapping[str, bytes]:
        return dict(self._worker.ask("xattrs", inode))

    def usage(self) -> Usage:
        size, free, available, inodes, inodes_free = self._worker.ask("usage")
        return Usage(size=size, free=free, available=available, inodes=inodes, inodes_free=inodes_free)

    def content(self, inode: int) -> BinaryIO:
        self._worker.ask("open", inode)
        return buffered(_File(self._worker, inode, self.stat(inode).size))


class _File(PlacedFile):
    """The content of one file."""

    def __init__(self, worker: Worker, inode: int, size: int) -> None:
        super().__init__(size)
        self._worker, self._inode = worker, inode

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset``."""
        content = bytes(self._worker.ask("read", self._inode, offset, length))
        if len(content) > length:
            raise OddGuest(f"file {self._inode}: libfsntfs gives more than there is")
        return content

    def find_next(self, offset: int, whence: int) -> int:
        """Return where the next data or hole is."""
        found = self._worker.ask("seek_data", self._inode, offset, whence)
        if found is None:
            return super().find_next(offset, whence)
        if not offset <= found <= self._size:
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        return int(found)
