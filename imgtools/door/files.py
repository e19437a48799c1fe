"""The verbs on files of a guest, as functions. With ``write`` or ``output`` they are done, else only planned.

Each is one transaction: all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Unpack

from imgtools.door.opening import HostPath, Images, either, make_request, several
from imgtools.door.writing import WriteOptions, read_asked

if TYPE_CHECKING:
    from imgtools.workflows.writing import PlanReport


def mkdir(
    images: Images,
    paths: str | Sequence[str],
    *,
    mode: int = 0o755,
    parents: bool = False,
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Make directories, owned by root.

    :param parents: make missing parents too; a directory that is there is fine.
    :raises EditFailed: one of them is there already.
    :raises NoSuchGuestFile: the directory above one of them is missing.
    """
    from imgtools.workflows.mkdir import make_directories

    asked = read_asked(images, **options)
    return make_directories(
        asked.request, asked.target, several(paths), mode=mode, parents=parents, progress=asked.progress
    )


def mv(images: Images, sources: str | Sequence[str], to: str, **options: Unpack[WriteOptions]) -> PlanReport:
    """Move files of the guest into the directory ``to``, or rename one to ``to``, which may replace a file.

    :raises NoSuchGuestFile: a source is not there, or the directory above ``to`` is not.
    :raises NotADirectory: several sources, and ``to`` is no directory.
    :raises EditFailed: a directory would go into itself, or in the place of another directory.
    """
    from imgtools.workflows.mv import move_files

    asked = read_asked(images, **options)
    return move_files(asked.request, asked.target, several(sources), to, progress=asked.progress)


def ln(
    images: Images,
    leads_to: str,
    path: str,
    *,
    hard: bool = False,
    force: bool = False,
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Make ``path`` a link to ``leads_to``; in a directory, of the name that the target has.

    :param hard: a second name of the same file, not a symbolic link.
    :param force: replace a file or link that is there, as ``ln -f`` does.
    :raises EditFailed: there is something of that name already.
    :raises NoSuchGuestFile: the directory above, or the target of a hard link, is missing.
    """
    from imgtools.workflows.ln import make_link

    asked = read_asked(images, **options)
    return make_link(
        asked.request,
        asked.target,
        leads_to,
        path,
        symbolic=not hard,
        force=force,
        progress=asked.progress,
    )


def rm(
    images: Images,
    paths: str | Sequence[str],
    *,
    recursive: bool = False,
    force: bool = False,
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Remove files of the guest; a path may be a shell pattern, a link is removed itself.

    :param recursive: directories too, with all below them.
    :param force: what is not there is fine, as with ``rm -f``.
    :raises NoSuchGuestFile: a path or pattern names nothing.
    :raises NotAFile: a directory, without ``recursive``.
    """
    from imgtools.workflows.rm import remove_files

    asked = read_asked(images, **options)
    return remove_files(
        asked.request,
        asked.target,
        several(paths),
        recursive=recursive,
        force=force,
        progress=asked.progress,
    )


def chmod(
    images: Images,
    mode: str | int,
    paths: str | Sequence[str],
    *,
    recursive: bool = False,
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Change permissions in the guest. Links are followed, but not below a directory.

    :param mode: permission bits, or a text as for chmod(1): ``"u+rw,go-w"``.
    :raises NoSuchGuestFile: a path is not there.
    :raises UsageError: the mode does not parse.
    """
    from imgtools.workflows.chmod import change_modes

    asked = read_asked(images, **options)
    text = f"{mode:04o}" if isinstance(mode, int) else mode
    return change_modes(
        asked.request, asked.target, text, several(paths), recursive=recursive, progress=asked.progress
    )


def chown(
    images: Images,
    owner: str,
    paths: str | Sequence[str],
    *,
    recursive: bool = False,
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Change owners in the guest: ``USER``, ``USER:GROUP`` or ``:GROUP``, its own names or numbers.

    :raises NotInGuest: the guest has no such user or group.
    :raises NoSuchGuestFile: a path is not there.
    """
    from imgtools.workflows.chown import change_owners

    asked = read_asked(images, **options)
    return change_owners(
        asked.request, asked.target, owner, several(paths), recursive=recursive, progress=asked.progress
    )


def touch(
    images: Images,
    paths: str | Sequence[str],
    *,
    time: int | None = None,
    create: bool = True,
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Set access and modification time of files of the guest; make missing ones, empty.

    :param time: nanoseconds since 1970; None is now.
    :param create: make missing files.
    :raises NoSuchGuestFile: the directory above a new file is missing.
    """
    from imgtools.workflows.touch import touch_files

    asked = read_asked(images, **options)
    return touch_files(
        asked.request, asked.target, several(paths), at=time, create=create, progress=asked.progress
    )


def tar_in(
    images: Images, archive: HostPath | BinaryIO, to: str, **options: Unpack[WriteOptions]
) -> PlanReport:
    """Unpack a tar archive (plain, gzip, xz, bzip2 or zstd) below the guest directory ``to``.

    Owners by number, modes, times, links, device nodes and extended attributes are kept. What a member's name, or a
    link of the archive, would lead out of ``to`` is a warning.

    :param archive: a file of the host, or an open stream of bytes.
    :raises HostError: it cannot be read, or is no tar archive.
    :raises NotADirectory: ``to`` is no directory of the guest.
    """
    from imgtools.workflows.tar_in import tar_in as unpack

    asked = read_asked(images, **options)
    path, stream = either(archive)
    return unpack(asked.request, asked.target, path, stream, to, progress=asked.progress)


def cp(
    images: Images,
    paths: str | Sequence[str],
    to: str,
    *,
    other: Images | None = None,
    other_format: str | None = None,
    **options: Unpack[WriteOptions],
) -> PlanReport:
    """Copy files of a guest into the directory ``to`` of another, or of itself, with all that they have.

    Owners by number, modes, times, links, hard links, holes, device nodes and extended attributes are kept.

    :param paths: a shell pattern stands for all that it matches.
    :param other: the image that is written to, by ``write`` or ``output``; None: the same.
    :raises NoSuchGuestFile: a path is not there, or the directory above ``to`` is not.
    :raises EditFailed: a file would be copied onto itself, or a directory into itself.
    :raises OddGuest: something cannot be read; nothing is copied.
    """
    from imgtools.workflows.cp import copy_files

    asked = read_asked(images, **options)
    second = None
    if other is not None:
        first = asked.request
        named = make_request(other, format=other_format, backing_folder=first.disks[0].folders)
        disks = tuple(replace(disk, remote=first.disks[0].remote) for disk in named.disks)
        keys = (*first.keys, *named.keys)
        second = replace(named, disks=disks, keys=keys, engine=first.engine, backing=first.backing)
    return copy_files(asked.request, second, asked.target, several(paths), to, progress=asked.progress)
