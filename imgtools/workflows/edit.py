"""Edit one text file of a guest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from imgtools.change.change import Change, WriteFile
from imgtools.change.compose import is_private
from imgtools.change.expression import apply_expressions
from imgtools.change.fit_to_filesystem import fitted
from imgtools.errors import EditFailed, NotAFile
from imgtools.guest.find.tree import FileView, view_files
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.records.system import Warned
from imgtools.workflows.writing import PlanReport, carry_out, open_for

LIMIT = 16 << 20  # bytes; nobody edits more by hand

# Turns the content of the file of this name into another.
Edit = Callable[[bytes, str], bytes]


def by_expressions(expressions: Sequence[str]) -> Edit:
    """Return an edit by expressions such as ``s/old/new/``.

    :raises UsageError: one does not parse.
    """
    apply_expressions(b"", expressions)
    return partial(_by_expressions, tuple(expressions))


def _by_expressions(expressions: Sequence[str], content: bytes, name: str) -> bytes:
    return apply_expressions(content, expressions)


def edit_file(
    request: ImageRequest,
    target: Target,
    path: str,
    edit: Edit,
    *,
    backup: str = "",
    progress: Progress | None = None,
) -> PlanReport:
    """Change a file's content with ``edit``; it keeps mode, owner, labels and hard links.

    :param backup: an ending; the old content stays beside the file under its name and this ending.
    :raises NotAFile: the path leads to a directory or a device.
    :raises EditFailed: the new content does not pass the check, or the backup is there already.
    """
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        place = view.files.resolve(view.path(path))
        old = view.files.read_bytes(place, limit=LIMIT)
        new = edit(old, place)
        changes: list[Change] = []
        if new != old:
            copy = _backup(view, place, old, backup) if backup else []
            changes += [one for one in fitted(copy, view.mounts) if not isinstance(one, Warned)]
            before = hashlib.sha256(old).hexdigest()
            changes.append(WriteFile(place, new, before=before, private=is_private(place)))
        return carry_out(image, changes, view, target, thorough=True, progress=progress)


def _backup(view: FileView, path: str, content: bytes, ending: str) -> list[Change]:
    copy = path + ending
    stat = view.files.stat(path)
    if view.files.lstat(copy) is not None and not view.files.is_file(copy):
        raise NotAFile(f"not a regular file: {copy}", path=copy)
    if "/" in ending:
        raise EditFailed(f"not an ending for a backup: {ending!r}")
    return [WriteFile(copy, content, stat.mode, stat.uid, stat.gid, private=is_private(path))]
