"""Write files of a guest into a tar archive, without booting."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from imgtools.change.archive import archive_writer, compression_of
from imgtools.change.sparse_member import as_sparse
from imgtools.disk.new_file import new_file, refuse_own_files, refuse_target
from imgtools.errors import HostError
from imgtools.files.refused import RefusedFiles
from imgtools.files.tree import DAMAGE, FileIdentity, GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.image.handle import Image, open_request
from imgtools.records.files import FileKind
from imgtools.records.found import FoundFile
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned
from imgtools.workflows.copy_out import tree_of
from imgtools.workflows.ls import names_by_id

TYPES = {
    FileKind.FILE: tarfile.REGTYPE,
    FileKind.DIRECTORY: tarfile.DIRTYPE,
    FileKind.LINK: tarfile.SYMTYPE,
    FileKind.CHARACTER: tarfile.CHRTYPE,
    FileKind.BLOCK: tarfile.BLKTYPE,
    FileKind.FIFO: tarfile.FIFOTYPE,
}


@dataclass(frozen=True, slots=True)
class TarReport:
    """What was written into the archive: its number of members, and the bytes of their contents."""

    image: str
    engine: Engine
    archive: str
    members: int
    size: int
    warnings: tuple[Warned, ...] = ()
    incomplete: bool = False  # something could not be read; the warnings say what


def tar_out(
    request: ImageRequest,
    path: str,
    archive_path: Path | None,
    stdout: BinaryIO,
    *,
    compression: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> TarReport:
    """Write what is below a directory (or one file) into an archive, names relative to it.

    Owners by name and number, modes, times, hard links, device nodes and extended attributes are kept. What cannot
    be read of one file or directory is a warning, and the others are packed.

    :param archive_path: None: the archive goes to ``stdout``. A file is written beside and renamed when complete.
    :param overwrite: the file may take the place of one that is there.
    :raises TargetExists: the file is there already.
    :raises HostError: it cannot be written.
    """
    packing = compression_of("" if archive_path is None else archive_path.name, compression)
    with open_request(request) as image, _target(archive_path, stdout, image, overwrite) as target:
        view = view_files(image, request)
        top = view.files.resolve(view.path(path))
        run = pack_trees(view.files, [(top, "")], target, packing, progress=progress)
        return TarReport(
            image=request.name,
            engine=view.files.served_by,
            archive="-" if archive_path is None else str(archive_path),
            members=run.members,
            size=run.size,
            warnings=(*view.warnings, *run.warnings, *run.refused.warnings),
            incomplete=bool(run.refused),
        )


def pack_trees(
    files: GuestReader,
    trees: Sequence[tuple[str, str]],
    target: BinaryIO,
    packing: str = "",
    *,
    progress: Progress | None = None,
) -> Packed:
    """Write files and directories, each under a name of its own, into one archive; return what became of them.

    :param trees: paths that are resolved but for their last link, and their names; "": relative to it.
    """
    with archive_writer(target, packing) as archive:
        run = Packed(files, archive, progress)
        for top, name in trees:
            for found in tree_of(files, top, run.refused):
                below = found.path[len(top.rstrip("/")) :].lstrip("/")
                run.add(found, "/".join(part for part in (name, below) if part) or _own_name(found))
    return run


def _own_name(found: FoundFile) -> str:
    return "." if found.stat.kind is FileKind.DIRECTORY else found.path.rpartition("/")[2]


@contextmanager
def _target(host_path: Path | None, stdout: BinaryIO, image: Image, overwrite: bool) -> Iterator[BinaryIO]:
    """Yield where the archive goes; no half archive ever has its final name.

    Nobody may read it who may not read the image.
    """
    if host_path is None:
        yield stdout
        return
    refuse_own_files(image.infos, host_path)
    refuse_target(host_path, overwrite=overwrite)
    allowed = 0o666
    for info in image.infos:
        for layer in info.chain:
            allowed &= stat.S_IMODE(layer.host_path.stat().st_mode)
    try:
        with new_file(host_path, overwrite=overwrite) as draft, draft.host_path.open("xb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            os.fchmod(stream.fileno(), mode & (allowed | 0o600))
            yield stream
    except OSError as error:
        raise HostError(f"cannot write {host_path}: {error.strerror}") from None


class Packed:
    """One archive being written, and what became of the files: those of ``refused`` are not whole in it."""

    def __init__(self, files: GuestReader, archive: tarfile.TarFile, progress: Progress | None) -> None:
        self._files = files
        self._archive = archive
        self._progress = progress
        self.refused = RefusedFiles()
        self._users = dict(names_by_id(files, "/etc/passwd", self.refused))
        self._groups = dict(names_by_id(files, "/etc/group", self.refused))
        self._first: dict[
            FileIdentity, str
        ] = {}  # of a file with several names: the one that has its content
        self.members = self.size = 0
        self.warnings: list[Warned] = []

    def add(self, found: FoundFile, name: str) -> None:
        """Add one file under ``name``; one that is damaged, as far as it can be read."""
        self.refused.note_inode(found)
        if found.stat.kind is FileKind.SOCKET:
            self.warnings.append(Warned("left out: a socket", found.path))
        if found.stat.kind not in TYPES:
            return
        try:
            member = self._member(found, name)
            size = member.size
            stream = self._files.open(found.path) if member.isreg() else None
            content = None if stream is None else as_sparse(member, stream)
        except DAMAGE as error:
            self.refused(found.path, error)
            # A second name may be readable, and is no link to nothing.
            self._first.pop(self._files.identity(found.path, found.stat), None)
            return
        if stream is None:
            self._archive.addfile(member)
        else:
            with stream:
                padded = _Padded(cast(BinaryIO, content), found.path, self.refused)
                self._archive.addfile(member, cast(BinaryIO, padded))
            self.size += size
        self.members += 1
        if self._progress:
            self._progress(self.size, 0)

    def _member(self, found: FoundFile, name: str) -> tarfile.TarInfo:
        facts = found.stat
        member = tarfile.TarInfo(name)
        member.type, member.mode = TYPES[facts.kind], facts.mode
        member.uid, member.gid = facts.uid, facts.gid
        member.uname, member.gname = self._users.get(facts.uid, ""), self._groups.get(facts.gid, "")
        member.mtime = facts.mtime // 10**9
        member.devmajor, member.devminor = facts.device
        if facts.kind is FileKind.LINK:
            member.linkname = self._files.read_link(found.path)
        elif facts.kind is FileKind.FILE:
            first = name
            if facts.links > 1:  # two filesystems of a guest give the same numbers to files of their own
                first = self._first.setdefault(self._files.identity(found.path, facts), name)
            member.size = facts.size if first == name else 0
            if first != name:
                member.type, member.linkname = tarfile.LNKTYPE, first
        # SCHILY.xattr.* is what GNU tar and bsdtar read and write.
        member.pax_headers = {
            f"SCHILY.xattr.{attribute}": value.decode("utf-8", "surrogateescape")
            for attribute, value in self._xattrs(found.path).items()
        }
        if facts.mtime >= 0 and (rest := facts.mtime % 10**9):
            member.pax_headers["mtime"] = f"{member.mtime}.{rest:09d}"
        return member

    def _xattrs(self, path: str) -> Mapping[str, bytes]:
        try:
            return self._files.xattrs(path)
        except DAMAGE as error:
            self.refused(path, error)
            return {}


class _Padded:
    """What is read into a member whose size is written already: zeros from where it is damaged, as GNU tar does."""

    def __init__(self, stream: BinaryIO, path: str, refused: RefusedFiles) -> None:
        self._stream = stream
        self._path = path
        self._refused = refused
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes."""
        if not self._ended:
            try:
                content = self._stream.read(size)
                self._ended = len(content) < size
            except DAMAGE as error:
                content, self._ended = b"", True
                self._refused(self._path, f"{error.message}; from there on it is zeros in the archive")
        else:
            content = b""
        return content.ljust(size, b"\0")
