"""ext2, ext3 and ext4, written by libext2fs in a worker; implements FilesystemWriter by asking it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from imgtools.engine.confined.kinds import Kind
from imgtools.engine.confined.worker import Worker
from imgtools.filesystems.api import CannotWrite
from imgtools.filesystems.holes import pieces
from imgtools.filesystems.stream import PlacedFile, buffered
from imgtools.records.disks import Declined
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.usage import Usage

CHUNK = 1 << 20
NAMES = tuple(field.name for field in fields(FileStat))
USAGE = tuple(field.name for field in fields(Usage))
DECLINED = "declined"


class ExtWriter:
    """One filesystem, open for writing in a worker.

    :param host_path: the file that is the volume.
    :param check: looks whether it is clean when all is written.
    :param moment: seconds since 1970 that are now for all that is written; None: now.
    :raises EngineFailed: the library does not open it.
    :raises BadImage: it crashed on it.
    """

    ignores_case = False

    def __init__(
        self, host_path: Path, device: str, check: Callable[[Path, str], None], moment: int | None = None
    ) -> None:
        self._check, self._host_path, self._device = check, host_path, device
        self._worker = Worker(
            "libext2fs",
            device,
            lambda: _Service(host_path, device, moment),
            writes=(host_path,),
            kind=Kind.WRITING_LIBRARY,
            imports=("imgtools.filesystems.ext.writer",),
        )
        self._ask("ready")

    def _ask(self, method: str, *arguments: object) -> Any:  # Any: plain values
        return self._answer(self._worker.ask("call", method, *arguments))

    def _answer(self, answer: Any) -> Any:  # Any: plain values
        if isinstance(answer, tuple) and answer[:1] == (DECLINED,):
            raise CannotWrite(Declined(self._device, str(answer[1])))
        return answer

    def finish(self) -> None:
        """Write everything, close, and have it checked.

        :raises RolledBack: the checker finds it not clean.
        """
        self._ask("finish")
        self._check(self._host_path, self._device)

    def abandon(self) -> None:
        """End without writing the rest."""
        self._worker.end()

    # -- reading -------------------------------------------------------------------------------------------

    def lookup(self, path: str) -> FileStat | None:
        """Return what ``lstat`` tells of a path, or None."""
        found = self._ask("lookup", path)
        return None if found is None else _stat(found)

    def scan(self, path: str) -> Sequence[FileEntry]:
        """Return the entries of a directory."""
        return [FileEntry(name, _stat(facts)) for name, facts in self._ask("scan", path)]

    def read_link(self, path: str) -> str:
        """Return the target of a symbolic link."""
        return str(self._ask("read_link", path))

    def open(self, path: str) -> BinaryIO:
        """Open a regular file for reading."""
        return buffered(_File(partial(self._ask, "read", path), int(self._ask("size", path))))

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        """Return the extended attributes."""
        return dict(self._ask("xattrs", path))

    def usage(self) -> Usage:
        """Return the numbers of ``statvfs``."""
        return Usage(**dict(zip(USAGE, self._ask("usage"), strict=True)))

    # -- writing -------------------------------------------------------------------------------------------

    def write(self, path: str, content: BinaryIO) -> None:
        """Create a regular file, or replace the content of one."""
        self._answer(self._worker.ask_with("write", pieces(content, CHUNK), path))

    def make_special(self, path: str, kind: FileKind, device: tuple[int, int], mode: int) -> None:
        """Make a device node, fifo or socket."""
        self._ask("make_special", path, kind.value, device, mode)

    def truncate(self, path: str) -> None:
        """Empty a regular file."""
        self._ask("truncate", path)

    def remove(self, path: str) -> None:
        """Remove a file, link, special file or empty directory."""
        self._ask("remove", path)

    def remove_tree(self, path: str) -> None:
        """Remove a directory and everything below it."""
        self._ask("remove_tree", path)

    def make_directory(self, path: str, mode: int) -> None:
        """Make one directory."""
        self._ask("make_directory", path, mode)

    def make_link(self, path: str, target: str) -> None:
        """Make a symbolic link."""
        self._ask("make_link", path, target)

    def make_hard_link(self, path: str, target: str) -> None:
        """Give a file a second name."""
        self._ask("make_hard_link", path, target)

    def rename(self, path: str, to: str) -> None:
        """Rename within this filesystem."""
        self._ask("rename", path, to)

    def set_mode(self, path: str, mode: int) -> None:
        """Set the permission bits."""
        self._ask("set_mode", path, mode)

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Set both owners."""
        self._ask("set_owner", path, uid, gid)

    def set_times(self, path: str, atime: int, mtime: int) -> None:
        """Set both times, nanoseconds since 1970."""
        self._ask("set_times", path, atime, mtime)

    def set_xattr(self, path: str, name: str, value: bytes) -> None:
        """Set an extended attribute."""
        self._ask("set_xattr", path, name, value)

    def remove_xattr(self, path: str, name: str) -> None:
        """Remove an extended attribute."""
        self._ask("remove_xattr", path, name)


def _stat(facts: Sequence[object]) -> FileStat:
    named: dict[str, Any] = dict(zip(NAMES, facts, strict=True))  # Any: plain values
    return FileStat(**(named | {"kind": FileKind(named["kind"])}))


def _facts(found: FileStat) -> tuple[object, ...]:
    return tuple(found.kind.value if name == "kind" else getattr(found, name) for name in NAMES)


class _File(PlacedFile):
    """The content of one file."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        super().__init__(size)
        self._read = read

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset``."""
        length = min(length, CHUNK)
        return self._read(offset, length)[:length]


# -- in the worker ----------------------------------------------------------------------------------------


class _Service:
    """Answers in plain values; what is left to the other engine is one, too."""

    def __init__(self, host_path: Path, device: str, moment: int | None) -> None:
        from imgtools.filesystems.ext.writer import ExtWriter as Writer

        clock = time.time_ns if moment is None else lambda: moment * 10**9
        self._writer = Writer(host_path, device, check=lambda _path, _device: None, clock=clock)

    def call(self, method: str, *arguments: object) -> object:
        try:
            own = getattr(self, f"_{method}", None) or getattr(self._writer, method)
            return own(*arguments)
        except CannotWrite as refused:
            return (DECLINED, refused.declined.reason)

    def write(self, content: BinaryIO, path: str) -> object:
        return self.call("write", path, content)

    def _ready(self) -> bool:
        return True

    def _lookup(self, path: str) -> tuple[object, ...] | None:
        found = self._writer.lookup(path)
        return None if found is None else _facts(found)

    def _scan(self, path: str) -> list[tuple[str, tuple[object, ...]]]:
        return [(entry.name, _facts(entry.stat)) for entry in self._writer.scan(path)]

    def _size(self, path: str) -> int:
        with self._writer.open(path) as file:
            return file.seek(0, io.SEEK_END)

    def _read(self, path: str, offset: int, length: int) -> bytes:
        with self._writer.open(path) as file:
            file.seek(offset)
            return file.read(length)

    def _xattrs(self, path: str) -> dict[str, bytes]:
        return dict(self._writer.xattrs(path))

    def _usage(self) -> tuple[object, ...]:
        found = self._writer.usage()
        return tuple(getattr(found, name) for name in USAGE)

    def _make_special(self, path: str, kind: str, device: tuple[int, int], mode: int) -> None:
        self._writer.make_special(path, FileKind(kind), device, mode)
