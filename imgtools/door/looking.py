"""More verbs that read a guest, as functions: its files as a whole, and what it starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from imgtools.door.opening import GuestOptions, HostPath, Images, make_request
from imgtools.records.progress import Progress

if TYPE_CHECKING:
    from imgtools.workflows.du import DuReport
    from imgtools.workflows.get_kernel import GetKernelReport
    from imgtools.workflows.tail import TailReport
    from imgtools.workflows.tree import TreeReport


def du(
    images: Images,
    path: str = "/",
    *,
    max_depth: int | None = 1,
    packages: bool = False,
    **options: Unpack[GuestOptions],
) -> DuReport:
    """Count what room the folders of a guest take, in bytes, with all below them, as du does; the largest first.

    :param max_depth: levels of folders below ``path`` that are told of; None: all of them.
    :param packages: also count by the package that owns a file; the package "" is none.
    :raises NoSuchGuestFile: the path is not there.
    :raises UnsupportedGuest: nobody knows which files the packages of this guest own.
    """
    from imgtools.workflows.du import measure_room

    return measure_room(make_request(images, **options), path, max_depth=max_depth, packages=packages)


def tree(
    images: Images,
    path: str = "/",
    *,
    max_depth: int | None = None,
    only_directories: bool = False,
    **options: Unpack[GuestOptions],
) -> TreeReport:
    """List a folder and all below it in the order of a drawn tree, each file with its depth.

    :param max_depth: levels below ``path``; None: all.
    :raises NoSuchGuestFile: the path is not there.
    :raises NotADirectory: it is no directory.
    """
    from imgtools.workflows.tree import list_tree

    request = make_request(images, **options)
    return list_tree(request, path, max_depth=max_depth, only_directories=only_directories)


def get_kernel(
    images: Images,
    output_dir: HostPath,
    *,
    which: str = "default",
    unversioned_names: bool = False,
    prefix: str = "",
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[GuestOptions],
) -> GetKernelReport:
    """Copy a guest's kernel and initial RAM disk into a folder of the host; a unified image becomes its parts.

    :param which: ``default`` (what the boot loader starts), ``newest``, ``all``, or a version.
    :param overwrite: files that are there are replaced.
    :raises TargetExists: a file is there already; nothing is copied.
    :raises GuestFileError: there is no kernel.
    :raises NotInGuest: there is none of that version.
    """
    from imgtools.workflows.get_kernel import get_kernel as copy

    return copy(
        make_request(images, **options),
        Path(output_dir),
        which=which,
        unversioned=unversioned_names,
        prefix=prefix,
        overwrite=overwrite,
        progress=progress,
    )


def tail(
    images: Images, path: str, *, lines: int = 10, size: int | None = None, **options: Unpack[GuestOptions]
) -> TailReport:
    """Return the end of a file of the guest, which may be of any size.

    :param lines: how many lines; ``size`` is how many bytes, and counts if it is given.
    :raises NoSuchGuestFile: it is not there.
    :raises NotAFile: it is a directory or a device.
    """
    from imgtools.workflows.tail import TailPart, read_tail

    part = TailPart(lines) if size is None else TailPart(size, in_bytes=True)
    return read_tail(make_request(images, **options), path, part)
