"""Give a file of a guest a content."""

from __future__ import annotations

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.errors import GuestFileTooBig, NoSuchGuestFile, NotAFile
from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.chown import read_owner
from imgtools.workflows.writing import PlanReport, carry_out, open_for

LIMIT = 64 << 20  # bytes; more than that is copy-in's work, which streams


def write_file(
    request: ImageRequest,
    target: Target,
    path: str,
    content: bytes,
    *,
    append: bool = False,
    mode: int | None = None,
    owner: str = "",
    parents: bool = False,
    progress: Progress | None = None,
) -> PlanReport:
    """Write a file: replace its content, add to it, or make it.

    A file that is there keeps mode, owner and labels unless others are given; a new one is 0644 root:root.

    :raises NotAFile: the path leads to a directory or a device.
    :raises NoSuchGuestFile: the directory above is missing, and ``parents`` is not given.
    :raises GuestFileTooBig: more than 64 MiB.
    """
    if len(content) > LIMIT:
        raise GuestFileTooBig(f"larger than {LIMIT} bytes: {path}", path=path, hint="use imgtools copy-in")
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        place = view.path(path)
        uid, gid = read_owner(view.files, owner) if owner else (None, None)
        changes = _parents(view.files, place, parents=parents)
        if append and view.files.is_file(place):
            content = view.files.read_bytes(place, limit=LIMIT) + content
        changes.append(WriteFile(place, content, mode, uid, gid))
        return carry_out(image, changes, view, target, progress=progress)


def _parents(files: GuestReader, path: str, *, parents: bool) -> list[Change]:
    if files.exists(path):
        if not files.is_file(path):
            raise NotAFile(f"not a regular file: {path}", path=path)
        return []
    above = parent_of(path)
    if files.is_dir(above):
        return []
    if not parents:
        raise NoSuchGuestFile(
            f"no such directory in the guest: {above}", path=above, hint="--parents makes it"
        )
    return [MakeDirectory(above)]
