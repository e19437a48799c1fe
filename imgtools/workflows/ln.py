"""Make links in a guest."""

from __future__ import annotations

from imgtools.change.change import Change, MakeHardLink, MakeLink, Remove
from imgtools.errors import EditFailed, NoSuchGuestFile, NotAFile
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.records.files import FileKind
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.writing import PlanReport, carry_out, open_for


def make_link(
    request: ImageRequest,
    target: Target,
    leads_to: str,
    path: str,
    *,
    symbolic: bool = True,
    force: bool = False,
    progress: Progress | None = None,
) -> PlanReport:
    """Make ``path`` a link to ``leads_to``; in a directory, of the name that the target has.

    :param force: replace a file or link that is there.
    :raises EditFailed: there is something of that name already.
    :raises NoSuchGuestFile: the directory above, or the target of a hard link, is missing.
    :raises NotAFile: a hard link to something that is no regular file.
    """
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        place = view.path(path)
        if view.files.is_dir(place):
            place = join(view.files.resolve(place), leads_to.rstrip("/").rpartition("/")[2])
        changes = _clear(view.files, place, force=force)
        if symbolic:
            changes.append(MakeLink(place, leads_to))
        else:
            changes.append(MakeHardLink(place, _regular(view.files, view.path(leads_to))))
        return carry_out(image, changes, view, target, progress=progress)


def _clear(files: GuestReader, path: str, *, force: bool) -> list[Change]:
    there = files.lstat(path)
    if there is None:
        if not files.is_dir(parent_of(path)):
            raise NoSuchGuestFile(f"no such directory in the guest: {parent_of(path)}", path=path)
        return []
    if not force or there.kind is FileKind.DIRECTORY:
        raise EditFailed(f"already there: {path}", hint="--force replaces a file or a link")
    return [Remove(files.locate(path), size=there.size)]


def _regular(files: GuestReader, path: str) -> str:
    if not files.is_file(path):
        kind = NotAFile if files.exists(path) else NoSuchGuestFile
        raise kind(f"no regular file to link to: {path}", path=path)
    return files.resolve(path)
