"""More verbs that read a guest, as functions: its files as a whole, and what it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from imgtools.door.opening import GuestOptions, Images, make_request

if TYPE_CHECKING:
    from imgtools.workflows.du import DuReport
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
