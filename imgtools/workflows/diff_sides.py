"""The two sides of a comparison of guests: an image, an internal snapshot of one, or a folder of the host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgtools.errors import UsageError
from imgtools.files.host_root import HostRoot
from imgtools.files.tree import GuestReader, GuestTree
from imgtools.guest.find.linux import identify, is_linux_root
from imgtools.guest.find.tree import view_files
from imgtools.guest.guest import Guest
from imgtools.image.handle import Image, open_request
from imgtools.records.disks import Mount
from imgtools.records.image import DiskSource
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsInfo, OsType, Warned


@dataclass(slots=True)
class Side:
    """One side, open for reading. ``os`` is of type unknown where no system is in it, or volumes were asked for."""

    name: str
    files: GuestReader
    os: OsInfo
    guest: Guest | None = None
    image: Image | None = None
    mounts: tuple[Mount, ...] = ()
    warnings: list[Warned] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        """Who reads it."""
        return self.files.served_by

    def path(self, text: str) -> str:
        """Return the path that a person means: ``C:\\Windows`` works for a Windows guest."""
        if self.guest is None:
            return text
        from imgtools.guest.guest import guest_path

        return guest_path(self.guest, text)


def require_two(old: ImageRequest, new: ImageRequest) -> None:
    """See that there are two things to compare.

    :raises UsageError: both are the same file, in the same state.
    """
    if len(old.disks) != len(new.disks) and not (_folder(old) or _folder(new)):
        raise UsageError(
            f"the first guest has {len(old.disks)} disks and the second {len(new.disks)}",
            hint="further disks: --add for the first guest, --other-add for the second",
        )
    for one, other in zip(old.disks, new.disks, strict=False):
        if one.snapshot != other.snapshot or not is_same_disk(one, other):
            return
    raise UsageError(
        f"{old.name} and {new.name} are the same file: nothing can differ",
        hint="name another image, or a state of this one: --other-snapshot NAME",
    )


def is_same_disk(one: DiskSource, other: DiskSource) -> bool:
    """Whether two names are of one file of the host, or one URI."""
    if one.uri or other.uri:
        return one.uri == other.uri
    try:
        return one.host_path.samefile(other.host_path)
    except OSError:
        return False


def _folder(request: ImageRequest) -> Path | None:
    """The folder that is named in place of an image."""
    return request.host_path if not request.disks[0].uri and request.host_path.is_dir() else None


@contextmanager
def open_side(request: ImageRequest) -> Iterator[Side]:
    """Open one side.

    :raises ImgtoolsError: as :func:`imgtools.guest.find.tree.view_files`, or a folder that cannot be read.
    :raises UsageError: a folder with options that are for images.
    """
    folder = _folder(request)
    if folder is not None:
        yield _of_folder(request, folder)
        return
    with open_request(request) as image:
        view = view_files(image, request)
        os = view.guest.os if view.guest is not None else OsInfo(OsType.UNKNOWN)
        yield Side(request.name, view.files, os, view.guest, image, view.mounts, list(view.warnings))


def _of_folder(request: ImageRequest, folder: Path) -> Side:
    if len(request.disks) > 1 or request.disks[0].snapshot or request.disks[0].format:
        raise UsageError(f"{folder} is a folder: it has no disks, no format and no snapshots")
    files = GuestTree({"/": HostRoot(folder)}, Engine.DIRECT)
    os = identify(files) if is_linux_root(files) else OsInfo(OsType.UNKNOWN)
    return Side(str(folder), files, os)


def open_requests(old: ImageRequest, new: ImageRequest) -> tuple[ImageRequest, ImageRequest]:
    """Return the requests as each side takes them: what names volumes of an image is nothing to a folder."""
    plain = [replace(one, mounts=(), root=None) if _folder(one) else one for one in (old, new)]
    if all(_folder(one) for one in (old, new)):
        raise UsageError(
            "both are folders of the host", hint="diff -r compares folders; one has to be an image"
        )
    return plain[0], plain[1]


def warnings_of(old: Side, new: Side) -> tuple[Warned, ...]:
    """Return what there is to know of both sides, once; a key is useless only if no side has a use for it."""
    both = [tuple(dict.fromkeys(_all(side))) for side in (old, new)]
    folders = any(side.image is None for side in (old, new))

    def counts(one: Warned) -> bool:
        return folders or not one.text.startswith("the key given for ") or all(one in some for some in both)

    return tuple(dict.fromkeys(one for some in both for one in some if counts(one)))


def _all(side: Side) -> tuple[Warned, ...]:
    return (*side.warnings, *(side.image.warnings if side.image is not None else ()))


def has_system(side: Side) -> bool:
    """Whether there is a system of which more is known than its files."""
    return side.os.type in (OsType.LINUX, OsType.WINDOWS)
