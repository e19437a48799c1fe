"""Make empty files in a guest, and set the times of those that are there."""

from __future__ import annotations

import time
from collections.abc import Sequence

from imgtools.change.change import Change, SetTimes, WriteFile
from imgtools.errors import NoSuchGuestFile
from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.writing import PlanReport, carry_out, open_for


def touch_files(
    request: ImageRequest,
    target: Target,
    paths: Sequence[str],
    *,
    at: int | None = None,
    create: bool = True,
    progress: Progress | None = None,
) -> PlanReport:
    """Set access and modification time to ``at`` (nanoseconds since 1970; None is now); make missing files empty.

    :raises NoSuchGuestFile: the directory above a new file is missing.
    """
    moment = time.time_ns() if at is None else at
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        changes = [
            change
            for path in paths
            for change in _changes(view.files, view.path(path), moment, create=create)
        ]
        return carry_out(image, changes, view, target, progress=progress)


def _changes(files: GuestReader, path: str, moment: int, *, create: bool) -> list[Change]:
    if files.exists(path):
        return [SetTimes(files.resolve(path), moment, moment)]
    if not create:
        return []
    if not files.is_dir(parent_of(path)):
        raise NoSuchGuestFile(f"no such directory in the guest: {parent_of(path)}", path=path)
    return [WriteFile(path, b""), SetTimes(path, moment, moment)]
