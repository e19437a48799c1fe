"""Write to FAT through mtools; implements FilesystemWriter. Reading in between is the direct reader's.

mtools takes ``*?[]`` for patterns and writes letters beyond ASCII in the wrong case, so a plan with such names on
FAT is left to the appliance.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from imgtools.engine.process import Fence, Kind, Limits, ToolFailed, run
from imgtools.errors import EditFailed, NoRoom, RolledBack
from imgtools.filesystems.api import CannotWrite, Filesystem
from imgtools.filesystems.fat.reader import mount_fat
from imgtools.records.disks import Declined
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.usage import Usage
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.volume_file import DiskFile

CHUNK = 1 << 20
SAFE = re.compile(r"[A-Za-z0-9 /!#$%&'()+,.;=@^_`{}~-]+")
UNIX_ONLY = "FAT has no owners, modes, links and attributes as Unix has them"
ENVIRONMENT = {"MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": "/dev/null", "MTOOLS_FAT_COMPATIBILITY": "0"}
CHECK = Limits(seconds=3600)


def refuse_fat(disk: DiskFile) -> Declined | None:
    """Say why this writer leaves a volume to the appliance; None if it does not."""
    answer = mount_fat(disk)
    return answer if isinstance(answer, Declined) else None


def check_fat(host_path: Path, device: str) -> None:
    """Have the filesystem checked by its own checker, which only reads.

    :raises RolledBack: it finds something.
    """
    done = run(
        ["fsck.fat", "-n", str(host_path)], Fence(Kind.CHECKER, (host_path,)), limits=CHECK, ok=range(256)
    )
    if done.code:
        lines = [line.strip() for line in done.text.splitlines()[1:] if line.strip()]
        raise RolledBack(f"fsck.fat does not find {device} clean: {(lines or [done.complaint])[0]}")


class FatWriter:
    """One volume that mtools writes to.

    :param host_path: the file that is the volume.
    """

    ignores_case = True

    def __init__(self, host_path: Path, device: str) -> None:
        self._host_path, self._device = host_path, device
        self._reader: Filesystem | None = None

    def finish(self) -> None:
        """Have it checked; mtools has nothing open.

        :raises RolledBack: it is not clean.
        """
        check_fat(self._host_path, self._device)

    def abandon(self) -> None:
        """Nothing is open."""

    # -- reading -------------------------------------------------------------------------------------------

    @property
    def _now(self) -> Filesystem:
        """The reader of the volume as it is now."""
        if self._reader is None:
            mounted = mount_fat(DiskFile.whole(LocalDisk(self._host_path), self._device))
            if isinstance(mounted, Declined):
                raise EditFailed(f"{self._device}: {mounted.reason}")
            self._reader = mounted
        return self._reader

    def lookup(self, path: str) -> FileStat | None:
        return self._now.lookup(path)

    def scan(self, path: str) -> Sequence[FileEntry]:
        return self._now.scan(path)

    def read_link(self, path: str) -> str:
        return self._now.read_link(path)

    def open(self, path: str) -> BinaryIO:
        return self._now.open(path)

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        return self._now.xattrs(path)

    def usage(self) -> Usage:
        return self._now.usage()

    # -- writing -------------------------------------------------------------------------------------------

    def _run(self, program: str, *words: str, pass_fds: Sequence[int] = ()) -> str:
        """Run one of the mtools; it must not ask, nor wait for an answer."""
        self._reader = None
        argv = [program, "-i", os.fspath(self._host_path), *words]
        try:
            fence = Fence(Kind.WRITER, writes=(self._host_path,))
            return run(argv, fence, limits=CHECK, pass_fds=pass_fds, env=ENVIRONMENT).text
        except ToolFailed as error:
            words_said = error.done.stderr.decode("utf-8", "replace")
            if "Disk full" in words_said or "No free" in words_said:
                raise EditFailed(
                    f"the guest's filesystem {self._device} has no room left", hint="see: imgtools df"
                ) from None
            if "No space left" in words_said:
                raise NoRoom(
                    "no room left on the host for the edit", hint="make room beside the image"
                ) from None
            raise EditFailed(f"cannot write to {self._device}: {error.message}") from None

    def _name(self, path: str) -> str:
        """The path as mtools takes it."""
        if not SAFE.fullmatch(path):
            raise CannotWrite(Declined(self._device, f"mtools does not take the name {path!r}"))
        return f"::{path}"

    def write(self, path: str, content: BinaryIO) -> None:
        name = self._name(path)
        with tempfile.TemporaryFile() as spool:
            while chunk := content.read(CHUNK):
                spool.write(chunk)
            spool.flush()
            self._put(path, name, spool.fileno())

    def _put(self, path: str, name: str, descriptor: int, *, keep_time: bool = False) -> None:
        """Copy an open file in; one that is replaced keeps its hidden, system and read-only marks."""
        marks = self._marks(name) if self._now.lookup(path) is not None else ""
        if marks:
            self._run("mattrib", *(f"-{mark}" for mark in marks), name)
        options = ["-o", *(["-m"] if keep_time else [])]
        self._run("mcopy", *options, f"/dev/fd/{descriptor}", name, pass_fds=(descriptor,))
        if marks:
            self._run("mattrib", *(f"+{mark}" for mark in marks), name)

    def _marks(self, name: str) -> str:
        """Which of ``h``, ``s`` and ``r`` a file has: mattrib prints its marks before the name."""
        told = self._run("mattrib", name).partition("::")[0].lower()
        return "".join(mark for mark in "hsr" if mark in told)

    def truncate(self, path: str) -> None:
        with tempfile.TemporaryFile() as nothing:
            self._put(path, self._name(path), nothing.fileno())

    def remove(self, path: str) -> None:
        found = self.lookup(path)
        name = self._name(path)
        if found is not None and found.kind is FileKind.DIRECTORY:
            self._run("mrd", name)
            return
        if self._marks(name):
            self._run("mattrib", "-h", "-s", "-r", name)
        self._run("mdel", name)

    def remove_tree(self, path: str) -> None:
        for entry in self.scan(path):
            below = f"{path.rstrip('/')}/{entry.name}"
            if entry.stat.kind is FileKind.DIRECTORY:
                self.remove_tree(below)
            else:
                self.remove(below)
        self.remove(path)

    def make_directory(self, path: str, mode: int) -> None:
        self._run("mmd", self._name(path))

    def rename(self, path: str, to: str) -> None:
        """Copied and removed: mmove and mren write short names in capitals."""
        found = self.lookup(path)
        if found is None or found.kind is not FileKind.FILE:
            raise CannotWrite(Declined(self._device, f"mtools cannot rename the directory {path}"))
        self._copy(path, to, found.atime, found.mtime)
        self.remove(path)

    def set_times(self, path: str, atime: int, mtime: int) -> None:
        found = self.lookup(path)
        if found is None or found.kind is not FileKind.FILE:
            raise CannotWrite(Declined(self._device, f"mtools cannot set the time of the directory {path}"))
        self._copy(path, path, atime, mtime)

    def _copy(self, path: str, to: str, atime: int, mtime: int) -> None:
        with tempfile.TemporaryFile() as spool:
            with self.open(path) as content:
                while chunk := content.read(CHUNK):
                    spool.write(chunk)
            spool.flush()
            os.utime(spool.fileno(), ns=(atime, mtime))
            self._put(to, self._name(to), spool.fileno(), keep_time=True)

    # -- what FAT does not have ----------------------------------------------------------------------------

    def make_link(self, path: str, target: str) -> None:
        raise EditFailed(f"cannot make the link {path}: {UNIX_ONLY}")

    def make_hard_link(self, path: str, target: str) -> None:
        raise EditFailed(f"cannot make the link {path}: {UNIX_ONLY}")

    def make_special(self, path: str, kind: FileKind, device: tuple[int, int], mode: int) -> None:
        raise EditFailed(f"cannot make {path}: {UNIX_ONLY}")

    def set_mode(self, path: str, mode: int) -> None:
        raise EditFailed(f"cannot set the mode of {path}: {UNIX_ONLY}")

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        raise EditFailed(f"cannot set the owner of {path}: {UNIX_ONLY}")

    def set_xattr(self, path: str, name: str, value: bytes) -> None:
        raise EditFailed(f"cannot set {name} of {path}: {UNIX_ONLY}")

    def remove_xattr(self, path: str, name: str) -> None:
        raise EditFailed(f"cannot remove {name} of {path}: {UNIX_ONLY}")
