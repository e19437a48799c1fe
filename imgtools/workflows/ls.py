"""List files of a guest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from imgtools.errors import UsageError
from imgtools.files.paths import join
from imgtools.files.patterns import named_paths
from imgtools.files.refused import RefusedFiles
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.image.handle import open_request
from imgtools.records.files import FileKind, FileStat
from imgtools.records.found import FoundFile
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned

CHUNK = 1 << 20  # bytes
ACCOUNTS_LIMIT = 8 << 20  # bytes of passwd or group: some 100,000 accounts
CHECKSUMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One line of a listing: where it is, what ``lstat`` tells, and what was asked for besides."""

    path: str
    name: str
    kind: FileKind
    size: int
    mode: int
    uid: int
    gid: int
    links: int
    inode: int
    device: tuple[int, int]
    atime: int
    mtime: int
    ctime: int
    target: str = ""
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class LsReport:
    """The files listed, in the order shown."""

    image: str
    engine: Engine
    path: str
    files: tuple[ListedFile, ...]
    users: tuple[tuple[int, str], ...] = ()  # what the guest calls its user ids
    groups: tuple[tuple[int, str], ...] = ()
    warnings: tuple[Warned, ...] = ()
    incomplete: bool = False  # something could not be read; the warnings say what


@dataclass(slots=True)
class OpenListing:
    """Files being listed. ``files`` are made as they are taken; ``refused`` is complete when they have ended."""

    image: str
    engine: Engine
    path: str
    files: Iterator[ListedFile]
    users: tuple[tuple[int, str], ...]
    groups: tuple[tuple[int, str], ...]
    known_warnings: tuple[Warned, ...]
    refused: RefusedFiles

    def report(self, files: Iterable[ListedFile] | None = None) -> LsReport:
        """Return the report, with all files, or with those that are given."""
        held = tuple(self.files if files is None else files)
        return LsReport(
            self.image,
            self.engine,
            self.path,
            held,
            self.users,
            self.groups,
            (*self.known_warnings, *self.refused.warnings),
            bool(self.refused),
        )


def list_files(request: ImageRequest, path: str, *, recursive: bool = False, checksum: str = "") -> LsReport:
    """List a directory (or one file) of the guest and hold all of it; else as :func:`open_listing`."""
    with open_listing(request, path, recursive=recursive, checksum=checksum) as listing:
        return listing.report()


@contextmanager
def open_listing(
    request: ImageRequest, path: str, *, recursive: bool = False, checksum: str = ""
) -> Iterator[OpenListing]:
    """List a directory (or one file) of the guest, a file at a time; see :func:`listed` for what is listed.

    What cannot be read of one file is a warning, and the others are listed.

    :param path: a shell pattern stands for all that it matches: each is listed, and known by its path.
    :param checksum: an algorithm of :data:`CHECKSUMS`, or empty.
    :raises UsageError: no such algorithm.
    :raises NoSuchGuestFile: the path is not there.
    :raises OddGuest: the directory itself cannot be read.
    """
    if checksum and checksum not in CHECKSUMS:
        raise UsageError(f"no such checksum: {checksum}", hint=f"one of {', '.join(CHECKSUMS)}")
    with open_request(request) as image:
        view = view_files(image, request)
        top = view.path(path)
        refused = RefusedFiles()
        named = named_paths(view.files, top)
        yield OpenListing(
            image=request.name,
            engine=view.files.served_by,
            path=top,
            files=_listed(view.files, named, refused, recursive=recursive, checksum=checksum),
            users=names_by_id(view.files, "/etc/passwd", refused),
            groups=names_by_id(view.files, "/etc/group", refused),
            known_warnings=view.warnings,
            refused=refused,
        )


def names_by_id(
    files: GuestReader, path: str, refused: RefusedFiles | None = None
) -> tuple[tuple[int, str], ...]:
    """Return what ``/etc/passwd`` or ``/etc/group`` calls each id; lines that do not parse name nobody.

    :param refused: is told of a file that is damaged, or larger than any such file, which then names nobody;
        without it, that is an error.
    """
    try:
        if not files.is_file(path):
            return ()
        fields = [line.split(":") for line in files.read_text(path, limit=ACCOUNTS_LIMIT).splitlines()]
    except DAMAGE as error:
        if refused is None:
            raise
        refused(path, error)
        return ()
    return tuple((int(field[2]), field[0]) for field in fields if len(field) > 2 and is_number(field[2]))


def is_number(text: str) -> bool:
    """Whether this is an id: of decimal digits, and no longer than one can be."""
    return text.isascii() and text.isdecimal() and len(text) <= 10  # 4294967295


def listed(
    files: GuestReader, top: str, refused: RefusedFiles, *, recursive: bool, checksum: str = ""
) -> Iterator[ListedFile]:
    """Yield what is listed: a directory's entries (all below it, if ``recursive``), or the one file itself."""
    line = partial(_line, files, refused, checksum)
    if not files.is_dir(top):
        yield line(top, top, files.lstat(top) or files.stat(top))
    elif recursive:
        for found in files.walk(top, refused):
            yield line(found.path, found.path, found.stat)
    else:
        above = files.resolve(top)
        for entry in files.list_dir(top):
            yield line(join(above, entry.name), entry.name, entry.stat)


def _listed(
    files: GuestReader, named: Sequence[str], refused: RefusedFiles, *, recursive: bool, checksum: str
) -> Iterator[ListedFile]:
    for one in named:
        for file in listed(files, one, refused, recursive=recursive, checksum=checksum):
            yield file if len(named) == 1 else replace(file, name=file.path)


def _line(
    files: GuestReader, refused: RefusedFiles, checksum: str, path: str, name: str, stat: FileStat
) -> ListedFile:
    target = seen = ""
    refused.note_inode(FoundFile(path, stat))
    try:
        if stat.kind is FileKind.LINK:
            target = files.read_link(path)
        elif stat.kind is FileKind.FILE and checksum:
            seen = digest(files, path, checksum)
    except DAMAGE as error:
        refused(path, error)
    return ListedFile(
        path=path,
        name=name,
        kind=stat.kind,
        size=stat.size,
        mode=stat.mode,
        uid=stat.uid,
        gid=stat.gid,
        links=stat.links,
        inode=stat.inode,
        device=stat.device,
        atime=stat.atime,
        mtime=stat.mtime,
        ctime=stat.ctime,
        target=target,
        checksum=seen,
    )


def digest(files: GuestReader, path: str, algorithm: str) -> str:
    """Return the checksum of a file of any size, in hexadecimal."""
    running = hashlib.new(algorithm, usedforsecurity=False)
    with files.open(path) as stream:
        while chunk := stream.read(CHUNK):
            running.update(chunk)
    return running.hexdigest()
