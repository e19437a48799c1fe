"""The verbs on backing chains, as functions. Without ``write``, those that change something only say what would be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from imgtools.door.opening import HostPath, ImageOptions, Size, make_request, maybe_path, size_text
from imgtools.errors import UsageError
from imgtools.records.progress import Progress

if TYPE_CHECKING:
    from imgtools.workflows.chain import ChainChange, ChainReport
    from imgtools.workflows.commit import CommitReport
    from imgtools.workflows.rebase import RebaseReport


def chain_show(image: HostPath, **options: Unpack[ImageOptions]) -> ChainReport:
    """Tell what each file of a backing chain holds, and which other images of its folder stand on it."""
    from imgtools.workflows.chain import show_chain

    return show_chain(make_request(image, **options))


def chain_flatten(
    image: HostPath,
    *,
    write: bool = False,
    output: HostPath | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ImageOptions],
) -> ChainChange:
    """Pull everything that an image stands on into it, so that it stands alone.

    :param output: make a new image that does; the chain is left as it is.
    :param overwrite: ``output`` may take the place of a file that is there.
    :raises UnsupportedFormat: the format cannot change its backing file; ``output`` is the way round.
    """
    from imgtools.workflows.chain import flatten

    if write and output is not None:
        raise UsageError("write and output are two ways to do it", hint="choose one")
    request = make_request(image, **options)
    return flatten(request, write=write, output=maybe_path(output), overwrite=overwrite, progress=progress)


def chain_squash(
    image: HostPath,
    first: HostPath,
    last: HostPath,
    *,
    down: bool = False,
    keep: bool = False,
    force: bool = False,
    write: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ImageOptions],
) -> ChainChange:
    """Merge some layers of a chain into one: from ``first``, the uppermost, to ``last``, the lowest.

    :param down: into the lowest, not into the uppermost.
    :param keep: do not remove the files that were merged.
    :param force: although other images stand on these, and are destroyed.
    :raises WouldLoseData: other images stand on a file that would change or go.
    """
    from imgtools.workflows.chain import squash

    return squash(
        make_request(image, **options),
        Path(first),
        Path(last),
        down=down,
        keep=keep,
        force=force,
        write=write,
        progress=progress,
    )


def chain_move(
    image: HostPath,
    folder: HostPath,
    *,
    copy: bool = False,
    force: bool = False,
    write: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ImageOptions],
) -> ChainChange:
    """Bring all files of a chain into another folder, with links that fit.

    :param copy: leave the old files where they are.
    :param force: although other images stand on these, and are destroyed.
    :raises TargetExists: a file of such a name is in the folder.
    :raises WouldLoseData: other images stand on a file that would go.
    """
    from imgtools.workflows.chain import move_chain

    request = make_request(image, **options)
    return move_chain(request, Path(folder), copy=copy, force=force, write=write, progress=progress)


def commit(
    image: HostPath,
    *,
    backing_file: HostPath | None = None,
    empty: bool = False,
    delete: bool = False,
    rate: Size = "",
    force: bool = False,
    write: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ImageOptions],
) -> CommitReport:
    """Write what an overlay holds into its backing file. Cut short, it can be run again.

    :param backing_file: a deeper file of the chain; without it, the next.
    :param empty: empty the overlay afterwards.
    :param delete: delete what was committed afterwards.
    :param rate: at most so many bytes a second.
    :param force: although other images stand on the backing file, and are destroyed.
    :raises WouldLoseData: other images stand on it.
    :raises ImageInUse: a QEMU program has one of the files.
    """
    from imgtools.workflows.commit import CommitRequest
    from imgtools.workflows.commit import commit as write_down

    request = CommitRequest(
        make_request(image, **options),
        maybe_path(backing_file),
        empty=empty,
        remove=delete,
        rate=size_text(rate),
        force=force,
        write=write,
    )
    return write_down(request, progress)


def rebase(
    image: HostPath,
    backing_file: HostPath | None,
    *,
    backing_format: str | None = None,
    unsafe: bool = False,
    force: bool = False,
    write: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ImageOptions],
) -> RebaseReport:
    """Give an overlay another backing file; None: it stands alone. It reads the same afterwards.

    :param unsafe: only change the name: the new one reads as the old one does.
    :param force: with ``unsafe``: although a sample of both differs.
    :raises WouldLoseData: unsafe, and a look at both shows that they differ.
    :raises BadImage: the new one is missing, damaged, of another format, or stands on the image itself.
    """
    from imgtools.workflows.rebase import RebaseRequest
    from imgtools.workflows.rebase import rebase as give

    if force and not unsafe:
        raise UsageError("force goes with unsafe only")
    source = make_request(image, **options)
    request = RebaseRequest(source, maybe_path(backing_file), backing_format, unsafe, force, write)
    return give(request, progress)
