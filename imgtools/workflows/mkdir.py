"""Make directories in a guest."""

from __future__ import annotations

from collections.abc import Sequence

from imgtools.change.change import Change, MakeDirectory
from imgtools.errors import EditFailed, NoSuchGuestFile
from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.writing import PlanReport, carry_out, open_for


def make_directories(
    request: ImageRequest,
    target: Target,
    paths: Sequence[str],
    *,
    mode: int = 0o755,
    parents: bool = False,
    progress: Progress | None = None,
) -> PlanReport:
    """Make directories, owned by root.

    :param parents: make missing parents too, and accept a directory that is there already.
    :raises EditFailed: one of them is there already.
    :raises NoSuchGuestFile: the directory above one of them is missing.
    """
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        made: set[str] = set()
        changes: list[Change] = []
        for path in (view.path(path) for path in paths):
            if not (parents and view.files.is_dir(path)):
                _check(view.files, path, made, parents=parents)
                changes.append(MakeDirectory(path, mode))
            made.add(path.rstrip("/"))
        return carry_out(image, changes, view, target, progress=progress)


def _check(files: GuestReader, path: str, made: set[str], *, parents: bool) -> None:
    if files.lstat(path) is not None:
        raise EditFailed(f"already there: {path}", hint="--parents accepts a directory that is there")
    above = parent_of(path.rstrip("/"))
    if not parents and not files.is_dir(above) and above not in made:
        raise NoSuchGuestFile(
            f"no such directory in the guest: {above}", path=above, hint="--parents makes it too"
        )
