"""List files of a guest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.errors import UsageError
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.image.handle import open_request
from imgtools.records.files import FileKind, FileStat
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


def list_files(request: ImageRequest, path: str, *, recursive: bool = False, checksum: str = "") -> LsReport:
    """List a directory (or one file) of the guest; see :func:`listed` for what is listed.

    :param checksum: an algorithm of :data:`CHECKSUMS`, or empty.
    :raises UsageError: no such algorithm.
    :raises NoSuchGuestFile: the path is not there.
    """
    if checksum and checksum not in CHECKSUMS:
        raise UsageError(f"no such checksum: {checksum}", hint=f"one of {', '.join(CHECKSUMS)}")
    with open_request(request) as image:
        view = view_files(image, request)
        top = view.path(path)
        files = tuple(listed(view.files, top, recursive=recursive, checksum=checksum))
        return LsReport(
            image=str(request.host_path),
            engine=view.files.served_by,
            path=top,
            files=files,
            users=names_by_id(view.files, "/etc/passwd"),
            groups=names_by_id(view.files, "/etc/group"),
            warnings=view.warnings,
        )


def names_by_id(files: GuestReader, path: str) -> tuple[tuple[int, str], ...]:
    """Return what ``/etc/passwd`` or ``/etc/group`` calls each id; lines that do not parse name nobody."""
    if not files.is_file(path):
        return ()
    fields = (line.split(":") for line in files.read_text(path, limit=ACCOUNTS_LIMIT).splitlines())
    return tuple((int(field[2]), field[0]) for field in fields if len(field) > 2 and field[2].isdecimal())


def listed(files: GuestReader, top: str, *, recursive: bool, checksum: str = "") -> Iterator[ListedFile]:
    """Yield what is listed: a directory's entries (all below it, if ``recursive``), or the one file itself."""
    if not files.is_dir(top):
        stat = files.lstat(top) or files.stat(top)
        yield _line(files, top, top, stat, checksum)
    elif recursive:
        for found in files.walk(top):
            yield _line(files, found.path, found.path, found.stat, checksum)
    else:
        for entry in files.list_dir(top):
            yield _line(files, join(files.resolve(top), entry.name), entry.name, entry.stat, checksum)


def _line(files: GuestReader, path: str, name: str, stat: FileStat, checksum: str) -> ListedFile:
    regular = stat.kind is FileKind.FILE
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
        target=files.read_link(path) if stat.kind is FileKind.LINK else "",
        checksum=digest(files, path, checksum) if checksum and regular else "",
    )


def digest(files: GuestReader, path: str, algorithm: str) -> str:
    """Return the checksum of a file of any size, in hexadecimal."""
    running = hashlib.new(algorithm, usedforsecurity=False)
    with files.open(path) as stream:
        while chunk := stream.read(CHUNK):
            running.update(chunk)
    return running.hexdigest()
