"""Remove files of a guest."""

from __future__ import annotations

from collections.abc import Sequence

from imgtools.change.change import Remove
from imgtools.errors import EditFailed, NoSuchGuestFile, NotADirectory, NotAFile
from imgtools.files.patterns import named_paths
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.ops.common_plans import removal
from imgtools.records.files import FileKind
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.writing import PlanReport, carry_out, open_for


def remove_files(
    request: ImageRequest,
    target: Target,
    patterns: Sequence[str],
    *,
    recursive: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> PlanReport:
    """Remove whatever the paths name; a path may be a shell pattern, a link is removed itself.

    :param force: a path that is not there is fine.
    :raises NoSuchGuestFile: a path or pattern names nothing.
    :raises NotAFile: a directory, without ``recursive``.
    :raises EditFailed: the root of the guest, or a mount point of it.
    """
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        points = {mount.path for mount in view.mounts}
        found = dict.fromkeys(
            path for text in patterns for path in _named(view.files, view.path(text), force=force)
        )
        changes = [_removal(view.files, path, points, recursive=recursive) for path in found]
        return carry_out(image, changes, view, target, progress=progress)


def _named(files: GuestReader, path: str, *, force: bool) -> list[str]:
    try:
        return [files.locate(one) for one in named_paths(files, path)]
    except (NoSuchGuestFile, NotADirectory) as error:
        if force:
            return []
        hint = f"{error.hint}; --force accepts that" if error.hint else "--force accepts that"
        raise type(error)(error.message, path=path, hint=hint) from None


def _removal(files: GuestReader, path: str, points: set[str], *, recursive: bool) -> Remove:
    if path in points:
        raise EditFailed(
            f"{path} is a mount point of the guest", hint="name what is below it: " + path.rstrip("/") + "/*"
        )
    stat = files.lstat(path)
    if stat is not None and stat.kind is FileKind.DIRECTORY and not recursive:
        raise NotAFile(f"is a directory: {path}", path=path, hint="--recursive removes it with all below it")
    return removal(files, path)
