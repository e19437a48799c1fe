"""The verbs that read a guest, as functions. Each opens the image, asks, closes it, and returns a frozen record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Unpack

from imgtools.door.opening import GuestOptions, HostPath, Images, either, make_request, several
from imgtools.records.progress import Progress

if TYPE_CHECKING:
    from imgtools.workflows.config import ConfigReport
    from imgtools.workflows.copy_out import CopyOutReport
    from imgtools.workflows.df import DfReport
    from imgtools.workflows.diagnose import DiagnoseReport
    from imgtools.workflows.filesystems import FilesystemsReport
    from imgtools.workflows.find import FindReport
    from imgtools.workflows.grep import GrepReport
    from imgtools.workflows.inspect import InspectReport
    from imgtools.workflows.log import LogListReport, LogReport
    from imgtools.workflows.ls import LsReport
    from imgtools.workflows.sysprep import VerifyReport
    from imgtools.workflows.tar_out import TarReport
    from imgtools.workflows.verify import PackagesVerified

LIMIT = 64 << 20  # bytes that `cat` holds in memory, unless it is told otherwise


def inspect(
    images: Images, *, applications: bool = True, icon: bool = True, **options: Unpack[GuestOptions]
) -> InspectReport:
    """Tell which operating systems are in an image, and what is in them.

    :raises NoGuest: there is none.
    """
    from imgtools.workflows.inspect import Wanted
    from imgtools.workflows.inspect import inspect as look

    return look(make_request(images, **options), Wanted(applications, icon))


def diagnose(
    images: Images,
    *,
    only: str | Sequence[str] = (),
    thorough: bool = False,
    from_serial: HostPath | None = None,
    **options: Unpack[GuestOptions],
) -> DiagnoseReport:
    """Say why a guest does not boot; ``report.sound`` says whether nothing was found.

    :param only: the stations to look at, by name; without any, all of them.
    :param thorough: run the checkers of filesystems too, read only.
    :param from_serial: a file with what its console showed, which is evidence too.
    :raises UsageError: there is no such station.
    :raises HostError: the captured console cannot be read.
    """
    from imgtools.workflows.diagnose import diagnose as look

    serial = None if from_serial is None else Path(from_serial)
    return look(make_request(images, **options), several(only), thorough=thorough, from_serial=serial)


def df(images: Images, **options: Unpack[GuestOptions]) -> DfReport:
    """Measure how full every filesystem is, in bytes and inodes, as ``statvfs`` counts them."""
    from imgtools.workflows.df import measure_usage

    return measure_usage(make_request(images, **options))


def list_filesystems(
    images: Images, *, usage: bool = True, **options: Unpack[GuestOptions]
) -> FilesystemsReport:
    """List what the disks hold: partition tables, partitions, LVM, filesystems.

    :param usage: also tell how full each filesystem is, which mounts it.
    """
    from imgtools.workflows.filesystems import list_filesystems as look

    return look(make_request(images, **options), usage=usage)


def ls(
    images: Images,
    path: str = "/",
    *,
    recursive: bool = False,
    checksum: str = "",
    **options: Unpack[GuestOptions],
) -> LsReport:
    """List a directory (or one file) of the guest, with the facts of ``lstat``.

    :param checksum: md5, sha1, sha256, sha512 ...: the checksum of each file.
    :raises NoSuchGuestFile: the path is not there.
    """
    from imgtools.workflows.ls import list_files

    return list_files(make_request(images, **options), path, recursive=recursive, checksum=checksum)


def find(
    images: Images,
    top: str = "/",
    *,
    name: str = "",
    ignore_case: bool = False,
    path: str = "",
    regex: str = "",
    type: str = "",
    size: str = "",
    newer: str = "",
    older: str = "",
    perm: str = "",
    uid: int | None = None,
    gid: int | None = None,
    empty: bool = False,
    contains: str = "",
    max_depth: int | None = None,
    **options: Unpack[GuestOptions],
) -> FindReport:
    """Find the files below ``top`` for which everything holds that is given; the words are those of ``imgtools find``.

    :raises UsageError: one of them does not parse.
    :raises NoSuchGuestFile: ``top`` is not there.
    """
    from imgtools.workflows.find import Wanted, find_files

    wanted = Wanted(
        name, ignore_case, path, regex, type, size, newer, older, perm, uid, gid, empty, contains, max_depth
    )
    return find_files(make_request(images, **options), top, wanted)


def grep(
    images: Images,
    pattern: str,
    paths: str | Sequence[str] = "/",
    *,
    fixed: bool = False,
    ignore_case: bool = False,
    word: bool = False,
    whole_line: bool = False,
    invert: bool = False,
    only_matching: bool = False,
    before: int = 0,
    after: int = 0,
    most: int | None = None,
    include: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    exclude_dir: str | Sequence[str] = (),
    as_text: bool = False,
    **options: Unpack[GuestOptions],
) -> GrepReport:
    """Find the lines in which a pattern is, in files and in all files below folders; packed logs are unpacked.

    :param pattern: a regular expression of Python's ``re``, or the text itself if ``fixed``.
    :param before: lines that are shown before one, and ``after`` behind one; their ``match`` is False.
    :param most: lines of a file.
    :param include: shell patterns: only files with such names are searched.
    :param as_text: lines of binary files too; else there is one row with ``binary`` of each in which something matches.
    :raises UsageError: it is no regular expression.
    :raises NoSuchGuestFile: one of ``paths`` is not there.
    """
    from imgtools.files.line_search import LinePattern
    from imgtools.workflows.grep import GrepWanted, grep_files

    looked_for = LinePattern(pattern, fixed, ignore_case, word, whole_line, invert, before, after, most)
    wanted = GrepWanted(several(include), several(exclude), several(exclude_dir), as_text, only_matching)
    return grep_files(make_request(images, **options), looked_for, several(paths), wanted)


def cat(images: Images, path: str, *, limit: int = LIMIT, **options: Unpack[GuestOptions]) -> bytes:
    """Return what a file of the guest holds.

    :param limit: bytes; a larger file is an error, because a guest can make one of any size.
    :raises NoSuchGuestFile: it is not there.
    :raises NotAFile: it is a directory or a device.
    :raises GuestFileTooBig: it is larger than ``limit``; ``copy_out`` takes files of any size.
    """
    from imgtools.guest.find.tree import view_files
    from imgtools.image.handle import open_request

    request = make_request(images, **options)
    with open_request(request) as image:
        view = view_files(image, request)
        return view.files.read_bytes(view.path(path), limit=limit)


def copy_out(
    images: Images,
    paths: str | Sequence[str],
    folder: HostPath,
    *,
    owners: bool | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[GuestOptions],
) -> CopyOutReport:
    """Copy files and directories of the guest into a folder of the host that is there.

    :param owners: give the copies the guest's user and group ids; None: if the program is root.
    :param overwrite: files and links that are there are replaced, each when its copy is complete.
    :raises HostError: the folder is not there, a file of that name is, or the host has no room.
    :raises NoSuchGuestFile: a path is not there; nothing is copied then.
    """
    from imgtools.workflows.copy_out import copy_out as copy

    request = make_request(images, **options)
    return copy(request, several(paths), Path(folder), owners=owners, overwrite=overwrite, progress=progress)


def tar_out(
    images: Images,
    path: str,
    archive: HostPath | BinaryIO,
    *,
    compression: Literal["none", "gz", "xz", "bz2", "zst"] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[GuestOptions],
) -> TarReport:
    """Write what is below a directory (or one file) of the guest into a tar archive, names relative to it.

    Owners, modes, times, hard links, device nodes and extended attributes are kept. What cannot be read is a warning;
    ``report.incomplete`` says that there was something.

    :param archive: the new file, or an open stream for bytes.
    :param compression: without it, by the file's name.
    :param overwrite: the file may take the place of one that is there.
    :raises TargetExists: the file is there already.
    :raises NoSuchGuestFile: the path is not there.
    """
    from imgtools.workflows.tar_out import tar_out as pack

    host_path, stream = either(archive)
    request = make_request(images, **options)
    return pack(
        request, path, host_path, stream, compression=compression, overwrite=overwrite, progress=progress
    )


def log(
    images: Images,
    source: str | Sequence[str] = (),
    *,
    since: str = "",
    until: str = "",
    unit: str | Sequence[str] = (),
    priority: str = "",
    grep: str = "",
    ignore_case: bool = False,
    lines: int | None = 200,
    **options: Unpack[GuestOptions],
) -> LogReport:
    """Read logs of the guest, merged by time, oldest entry first; the words are those of ``imgtools log``.

    :param source: names or paths of logs; none: the main log.
    :param lines: the newest; None: all, which are held in memory.
    :raises NoSuchGuestFile: the guest has no log of that name, or none at all.
    :raises UsageError: a word does not parse, or means nothing for one of the logs.
    """
    from imgtools.workflows.log import open_log
    from imgtools.workflows.log_query import LogQuery

    query = LogQuery(several(source), since, until, several(unit), priority, grep, ignore_case, lines)
    with open_log(make_request(images, **options), query) as opened:
        return opened.report()


def list_logs(images: Images, **options: Unpack[GuestOptions]) -> LogListReport:
    """List the logs of the guest, with their sizes and the times that they cover."""
    from imgtools.workflows.log import list_logs as look

    return look(make_request(images, **options))


def config_get(
    images: Images, paths: str | Sequence[str], *, lens: str = "", **options: Unpack[GuestOptions]
) -> ConfigReport:
    """Read values of configuration files, such as ``/files/etc/ssh/sshd_config/PermitRootLogin``.

    :raises NoSuchGuestFile: the file or the node is not there.
    :raises OddGuest: the file does not parse.
    """
    from imgtools.workflows.config import get_values

    return get_values(make_request(images, **options), several(paths), lens=lens)


def config_match(
    images: Images, paths: str | Sequence[str], *, lens: str = "", **options: Unpack[GuestOptions]
) -> ConfigReport:
    """Find the nodes of configuration files that the expressions match, such as ``/files/etc/fstab/*/file``.

    :raises NoSuchGuestFile: the file is not there; a node that is not is no error.
    :raises OddGuest: the file does not parse.
    """
    from imgtools.workflows.config import match_nodes

    return match_nodes(make_request(images, **options), several(paths), lens=lens)


def sysprep_verify(
    images: Images, *, original: Images | None = None, **options: Unpack[GuestOptions]
) -> VerifyReport:
    """Say whether a guest is fit to be cloned: whether sysprep's operations, or a search of all files, find something.

    :param original: the image as it was before; its names, addresses, keys and accounts are searched for.
    :raises UnsupportedGuest: it is not a Linux guest.
    """
    from imgtools.workflows.sysprep import verify

    before = None if original is None else make_request(original, **options)
    return verify(make_request(images, **options), original=before)


def verify(
    images: Images,
    packages: str | Sequence[str] = (),
    *,
    extra: bool = False,
    extra_in: str | Sequence[str] = (),
    config: bool = False,
    **options: Unpack[GuestOptions],
) -> PackagesVerified:
    """Say which files are not as their packages have them; ``report.intact`` says whether nothing was found.

    What puts them back is ``repair(images, "package-files", settings=...)``.

    :param packages: the packages to look at, by name; without any, all of them.
    :param extra: also files in the system's folders that no package owns.
    :param extra_in: the same, and in these folders too.
    :param config: changed configuration counts too.
    :raises UsageError: ``extra`` with ``packages``: what one package does not own others may.
    :raises NotInGuest: no such package is installed.
    :raises UnsupportedGuest: nobody knows which files the packages of this guest own.
    :raises OddGuest: the package database is damaged.
    """
    from imgtools.workflows.verify import verify as look

    return look(
        make_request(images, **options),
        several(packages),
        extra=extra,
        extra_in=several(extra_in),
        config=config,
    )
