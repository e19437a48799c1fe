"""Rename and move files of a guest."""

from __future__ import annotations

from collections.abc import Sequence

from imgtools.change.change import Move
from imgtools.errors import EditFailed, NoSuchGuestFile, NotADirectory
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.records.files import FileKind
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.writing import PlanReport, carry_out, open_for


def move_files(
    request: ImageRequest,
    target: Target,
    sources: Sequence[str],
    to: str,
    *,
    progress: Progress | None = None,
) -> PlanReport:
    """Move files into the directory ``to``, or rename one file to ``to``, which may replace a file.

    :raises NoSuchGuestFile: a source is not there, or the directory above ``to`` is not.
    :raises NotADirectory: several sources, and ``to`` is no directory.
    :raises EditFailed: a directory would go into itself, or in the place of another directory.
    """
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        end = view.path(to)
        into = view.files.is_dir(end)
        if len(sources) > 1 and not into:
            raise NotADirectory(f"not a directory in the guest: {end}", path=end)
        changes = [_move(view.files, view.path(source), end, into=into) for source in sources]
        return carry_out(image, changes, view, target, progress=progress)


def _move(files: GuestReader, source: str, end: str, *, into: bool) -> Move:
    stat = files.lstat(source)
    if stat is None:
        raise NoSuchGuestFile(f"no such file in the guest: {source}", path=source)
    path = files.locate(source)
    goal = files.locate(join(files.resolve(end), path.rpartition("/")[2]) if into else end)
    if goal == path:
        raise EditFailed(f"{path} is there already")
    if goal.startswith(path + "/"):
        raise EditFailed(f"a directory cannot go into itself: {path} to {goal}")
    if not files.is_dir(parent_of(goal)):
        raise NoSuchGuestFile(f"no such directory in the guest: {parent_of(goal)}", path=goal)
    there = files.lstat(goal)
    if there is not None and FileKind.DIRECTORY in (there.kind, stat.kind):
        raise EditFailed(f"already there: {goal}", hint="remove it first: imgtools rm -r")
    return Move(path, goal)
