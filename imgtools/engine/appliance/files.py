"""The files of one filesystem that the appliance has mounted."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, cast

from imgtools.engine.appliance.calls import CallFailed
from imgtools.engine.appliance.launch import Appliance
from imgtools.errors import OddGuest
from imgtools.filesystems.stream import PlacedFile
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.usage import Usage

# Bytes in one request: 1 MiB takes 8 ms without KVM; larger ones are slower for each byte, and 4 MB the limit.
PIECE = 1 << 20
STATS_KEPT = 100_000  # files whose facts are remembered; nothing changes below a read-only mount
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
# ELOOP: a folder that is in itself (fs/dcache.c, d_splice_alias).
DAMAGED = (errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.ELOOP, errno.ESTALE)
UNKNOWN = FileStat(FileKind.UNKNOWN, 0, mode=0, links=0)  # a name whose inode cannot be read
# ntfs-3g puts the place where it has mounted the volume before the targets of junctions and absolute links.
SYSROOT = b"/sysroot"
IGNORES_CASE = frozenset({"ntfs", "vfat", "exfat", "msdos"})


class ApplianceFilesystem:
    """One mounted filesystem; implements :class:`imgtools.engine.api.Filesystem`.

    :param top: where it is mounted, in the words of libguestfs' calls: ``/v0``.
    """

    def __init__(self, appliance: Appliance, top: str, content: str) -> None:
        self._appliance = appliance
        self._calls = appliance.calls
        self._top = top.encode()
        self._ignores_case = content in IGNORES_CASE
        self._link_prefix = SYSROOT + self._top if content == "ntfs" else b""
        self._stats: dict[str, FileStat | None] = {}
        self._scanned: dict[str, Sequence[FileEntry]] = {}
        self._links: dict[str, str] = {}  # a call for a link takes as long as ten for a stat

    @property
    def ignores_case(self) -> bool:
        return self._ignores_case

    def _path(self, path: str) -> bytes:
        return self._top + encode(path)

    def lookup(self, path: str) -> FileStat | None:
        if path in self._stats:
            return self._stats[path]
        folder, _, name = path.rpartition("/")
        # Where letter case does not count, a name that a listing does not show may lead somewhere all the same.
        if (folder or "/") in self._scanned and name and not self._ignores_case:
            return None
        raw = self._path(path)
        found: FileStat | None
        try:
            found = self._appliance.call(lambda: self._sized(raw, self._calls.lstat(raw)))
        except CallFailed as error:
            if error.errno not in (*NOT_THERE, *DAMAGED):
                raise named(error, path) from None
            found = None if error.errno in NOT_THERE else UNKNOWN
        self._remember({path: found})
        return found

    def _remember(self, stats: Mapping[str, FileStat | None]) -> None:
        if len(self._stats) + len(stats) > STATS_KEPT:
            self._stats.clear()
            self._scanned.clear()
            self._links.clear()
        self._stats.update(stats)

    def scan(self, path: str) -> Sequence[FileEntry]:
        if path in self._scanned:
            return self._scanned[path]
        folder = self._path(path)
        try:
            names, stats = self._appliance.call(lambda: self._list(folder))
        except CallFailed as error:
            raise named(error, path) from None
        entries = [FileEntry(decode(name), stat or UNKNOWN) for name, stat in zip(names, stats, strict=True)]
        above = "" if path == "/" else path
        self._remember({f"{above}/{entry.name}": entry.stat for entry in entries})
        self._scanned[path] = entries
        return entries

    def _list(self, folder: bytes) -> tuple[list[bytes], list[FileStat | None]]:
        names = self._calls.names(folder)
        stats = self._calls.lstat_many(folder, names) if names else []
        if self._link_prefix:
            pairs = zip(names, stats, strict=True)
            stats = [stat and self._sized(folder.rstrip(b"/") + b"/" + name, stat) for name, stat in pairs]
        return names, stats

    def _sized(self, raw: bytes, found: FileStat) -> FileStat:
        """Correct the size of a link whose target ntfs-3g prolongs."""
        if not self._link_prefix or found.kind is not FileKind.LINK:
            return found
        return replace(found, size=len(self._target(raw)))

    def _target(self, raw: bytes) -> bytes:
        target = self._calls.read_link(raw)
        if self._link_prefix and target.startswith(self._link_prefix + b"/"):
            return target.removeprefix(self._link_prefix)
        return target

    def read_link(self, path: str) -> str:
        if path not in self._links:
            raw = self._path(path)
            try:
                self._links[path] = decode(self._appliance.call(lambda: self._target(raw)))
            except CallFailed as error:
                raise named(error, path) from None
        return self._links[path]

    def open(self, path: str) -> BinaryIO:
        found = self.lookup(path)
        stream = _File(self._appliance, self._path(path), path, found.size if found else 0)
        return cast(BinaryIO, io.BufferedReader(stream, PIECE))

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        raw = self._path(path)
        try:
            found = self._appliance.call(lambda: self._calls.xattrs(raw))
        except CallFailed as error:
            if error.errno == errno.EOPNOTSUPP:
                return {}
            raise named(error, path) from None
        return {decode(name): value for name, value in found.items()}

    def usage(self) -> Usage:
        return self._appliance.call(lambda: self._calls.statvfs(self._top))


def encode(name: str) -> bytes:
    """Return the bytes of a guest's name."""
    return name.encode("utf-8", "surrogateescape")


def decode(name: bytes) -> str:
    """Return a guest's name as ``str``; what is not UTF-8 becomes surrogate escapes."""
    return name.decode("utf-8", "surrogateescape")


def named(error: CallFailed, path: str) -> CallFailed | OddGuest:
    """Return the error for a failed call on a file: damage in the guest is not the appliance's fault."""
    if error.errno in DAMAGED:
        return OddGuest(
            f"{path} cannot be read: {os.strerror(error.errno)}", hint="the filesystem is damaged; see fsck"
        )
    if error.errno:
        return CallFailed(f"{path}: {os.strerror(error.errno)}", error.errno)
    return error


class _File(PlacedFile):
    """An open file of the guest; every read is one request."""

    def __init__(self, appliance: Appliance, raw: bytes, path: str, size: int) -> None:
        super().__init__(size)
        self._appliance = appliance
        self._raw = raw
        self._path = path

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset``."""
        calls, raw, length = self._appliance.calls, self._raw, min(length, PIECE)
        try:
            return self._appliance.call(lambda: calls.pread(raw, length, offset))
        except CallFailed as error:
            raise named(error, self._path) from None
