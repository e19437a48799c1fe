"""The door of the room: disks as the user named them in, disks as they can be read out."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from imgtools.disk.backing import RAW_NAMES
from imgtools.disk.headers.hostfile import open_layer
from imgtools.errors import BadImage, ImgtoolsError, UnsupportedFormat, UsageError
from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest

# What the root of a system has at least one of, in small letters; a folder without is not taken for one.
OF_ROOTS = frozenset(
    {"bin", "boot", "etc", "home", "opt", "root", "usr", "var", "windows", "users", "program files"}
)
DEEPEST = 3  # a disk in a tar archive that is packed: disk.raw.gz in an OVA that is packed is one more
HEAD = 4096  # bytes that tell every kind

# Where each kind is opened: its module, imported when there is one, and the function there.
_OPENERS = {
    "tar": ("archive", "open_archive"),
    "xz": ("packed", "open_xz"),
    "gzip": ("packed", "open_gzip"),
    "zstd": ("packed", "open_zstd"),
    "bzip2": ("packed", "open_bzip2"),
    "machine folder": ("machine_folder", "open_machine_folder"),
    "vmx": ("machine_folder", "open_vmx"),
    "ovf": ("machine_folder", "open_ovf"),
    "flat": ("machine_folder", "open_flat"),
    "uri": ("remote", "open_remote"),
    "standard input": ("standard_input", "open_standard_input"),
}
# How packed files begin: RFC 1952 with its only method, RFC 8878, and the formats' own descriptions of xz and bzip2.
_PACKED = ((b"\x1f\x8b\x08", "gzip"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)")
STANDARD_INPUT = Path("-")
# Texts that name disks beside them.
_OVF = re.compile(
    rb"\s*(?:\xef\xbb\xbf)?(?:<\?xml|<(?:\w+:)?Envelope).*<(?:\w+:)?Envelope[\s>]|<(?:\w+:)?Envelope[\s>]",
    re.DOTALL,
)
_VMX = re.compile(rb"(?:[^\0]*\n)?\s*config\.version\s*=\s*\"", re.IGNORECASE)
_TAR_MAGIC, _TAR_PLACE = b"ustar", 257  # POSIX.1, ustar Interchange Format
# Names that say that the format which a user names is that of the disk in it.
_SAYING = frozenset({".ova", ".tar", ".box", ".xz", ".gz", ".zst", ".bz2", ".tgz", ".txz", ".tzst", ".tbz2"})


class Work(NamedTuple):
    """What opening a source may use.

    :param stack: ends what is started.
    :param digests: compare every disk with the digests that came with it: all of it is read.
    :param member: the one disk of an archive that is meant; "" for all.
    """

    stack: ExitStack
    digests: bool = False
    member: str = ""


@contextmanager
def opened_sources(disks: Sequence[DiskSource], *, digests: bool = False) -> Iterator[tuple[DiskSource, ...]]:
    """Yield disks that can be examined: an image file is one as it is, a source becomes all disks that are in it.

    :param digests: for work that reads all of a disk and keeps what it has read.
    :raises BadImage: a source is damaged, or holds no disk.
    """
    with ExitStack() as stack:
        work = Work(stack, digests)
        yield tuple(found for disk in disks for found in _opened(disk, work))


@contextmanager
def opened_request(request: ImageRequest, *, digests: bool = False) -> Iterator[ImageRequest]:
    """Yield a request whose disks can be examined; see :func:`opened_sources`."""
    with opened_sources(request.disks, digests=digests) as disks:
        yield request if disks == request.disks else replace(request, disks=disks)


@contextmanager
def opened_disk(request: ImageRequest, *, digests: bool = False) -> Iterator[ImageRequest]:
    """Yield a request for one disk, for work on an image as a file.

    :raises UsageError: the source holds several disks.
    """
    if is_folder(request.disks[0]):
        raise UnsupportedFormat(
            f"{request.name} is a folder: it has no disks", hint="imgtools ls, cat and audit read its files"
        )
    with opened_request(request, digests=digests) as opened:
        if len(opened.disks) > len(request.disks):
            names = ", ".join(one.name for one in opened.disks)
            raise UsageError(
                f"{request.name} holds {len(opened.disks)} disks, and this works on one",
                hint=f"name one of them: {names}",
            )
        yield opened


def is_source(disk: DiskSource) -> bool:
    """Whether a disk is no image file by itself, so that it can only be read."""
    return bool(disk.uri or disk.inside) or _kind(_split(disk)[0]) != ""


def is_folder(disk: DiskSource) -> bool:
    """Whether a disk is a folder of the host with the root of a system in it."""
    if disk.uri or disk.inside or not disk.host_path.is_dir() or _kind(disk):
        return False
    try:
        return any(one.name.lower() in OF_ROOTS for one in disk.host_path.iterdir())
    except OSError:
        return False  # whoever opens it says why


def refuse_sources(disks: Sequence[DiskSource]) -> None:
    """Make sure that all disks are image files, before anything is opened for an edit in place.

    :raises UnsupportedFormat: one is not.
    """
    if folder := next((disk for disk in disks if is_folder(disk)), None):
        raise UnsupportedFormat(
            f"{folder.name} is a folder, and only read",
            hint="change its files where they are, or with chroot(8)",
        )
    if found := next((disk for disk in disks if is_source(disk)), None):
        raise UnsupportedFormat(
            f"{found.name} is read only: it is no image file by itself",
            hint="--output FILE makes an image of it with the changes",
        )


def _opened(disk: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    if disk.inside is not None:
        return (disk,)
    if disk.uri:
        (served,) = _opener("uri")(disk, work)
        return _look_into(served, work, 1)
    file, member = _split(disk)
    if member and _kind(file) == "":
        return (disk,)  # nothing is there: who examines it says so
    return _look_into(file if member else disk, work._replace(member=member), 0)


def _look_into(source: DiskSource, work: Work, depth: int) -> tuple[DiskSource, ...]:
    kind = _kind(source)
    if not kind and work.member:
        raise BadImage(f"{source.name} has no {work.member} in it: it is one disk")
    if not kind:
        return (source,)
    if depth == DEEPEST:
        raise BadImage(
            f"{source.name} is packed once more, and more than {DEEPEST} times is not looked into",
            hint="unpack it first",
        )
    found = _opener(kind)(source, work)
    inner = work._replace(member="") if kind == "tar" else work  # an archive that is packed has it
    return tuple(disk for one in found for disk in _look_into(one, inner, depth + 1))


def _opener(kind: str) -> Callable[[DiskSource, Work], tuple[DiskSource, ...]]:
    module, function = _OPENERS[kind]
    opener: Callable[[DiskSource, Work], tuple[DiskSource, ...]] = getattr(
        import_module(f"imgtools.disk.sources.{module}"), function
    )
    return opener


def _split(disk: DiskSource) -> tuple[DiskSource, str]:
    """Divide ``guest.ova/disk2.vmdk`` into the file that is there and what is meant in it."""
    path = disk.host_path
    try:
        path.stat()
    except NotADirectoryError:
        holder = next((one for one in path.parents if one.is_file()), None)
        if holder is not None:
            return replace(disk, host_path=holder), str(path.relative_to(holder))
    except (OSError, ValueError):
        pass
    return disk, ""


def _kind(source: DiskSource) -> str:
    """Return what a source is; "" for an image file, and for what is not there."""
    if source.host_path == STANDARD_INPUT and source.inside is None:
        return "standard input"
    suffix = source.host_path.suffix.lower()
    if source.inside is None and (suffix in RAW_NAMES or (source.format and suffix not in _SAYING)):
        return ""  # a guest can write what its raw disk begins with
    try:
        if source.inside is None and (other := _kind_of_path(source.host_path)) is not None:
            return other
        with open_layer(source.host_path, source.inside) as file:
            head = file.read(0, HEAD)
        return kind_of(head) or ("" if source.inside else _text_kind(head, suffix))
    except (OSError, ValueError, ImgtoolsError):
        return ""  # who examines it says what is wrong


def _kind_of_path(path: Path) -> str | None:
    """What a path says that no regular file says by its bytes; None: those have to be looked at."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        from imgtools.disk.sources.machine_folder import is_machine_folder

        return "machine folder" if is_machine_folder(path) else ""
    if path.name.lower().endswith("-flat.vmdk"):
        from imgtools.disk.sources.machine_folder import descriptor_of

        return "flat" if descriptor_of(path) is not None else ""
    return None if stat.S_ISREG(mode) else ""


def _text_kind(head: bytes, suffix: str) -> str:
    """What a text is that names disks beside it; its name says so too, for a guest can write the text to its disk."""
    if suffix == ".ovf" and _OVF.match(head):
        return "ovf"
    return "vmx" if suffix == ".vmx" and _VMX.match(head) else ""


def kind_of(head: bytes) -> str:
    """Return what a file is that begins with these bytes; "" if it is none that is looked into."""
    if found := next((kind for magic, kind in _PACKED if head.startswith(magic)), ""):
        return found
    if _BZIP2.match(head):
        return "bzip2"
    return "tar" if head[_TAR_PLACE : _TAR_PLACE + len(_TAR_MAGIC)] == _TAR_MAGIC else ""


def member_of(source: DiskSource, name: str) -> str:
    """What messages call something in a source."""
    return f"{source.name}/{name}"


def host_folder(source: DiskSource) -> Path:
    """The folder of the file that the user named."""
    return source.host_path.absolute().parent
