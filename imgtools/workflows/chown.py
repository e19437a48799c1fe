"""Change the owners of files of a guest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgtools.change.change import SetOwner
from imgtools.errors import NoSuchGuestFile, NotInGuest, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import GROUP, PASSWD
from imgtools.guest.find.tree import view_files
from imgtools.records.files import FileKind, FileStat
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.ls import names_by_id
from imgtools.workflows.writing import PlanReport, carry_out, open_for

MAX_ID = 2**32 - 2  # the last is "no change" to chown(2)


def change_owners(
    request: ImageRequest,
    target: Target,
    owner: str,
    paths: Sequence[str],
    *,
    recursive: bool = False,
    progress: Progress | None = None,
) -> PlanReport:
    """Change owners: ``USER``, ``USER:GROUP``, ``:GROUP``; names are the guest's own. A link itself is changed.

    :raises NotInGuest: the guest has no such user or group.
    :raises NoSuchGuestFile: a path is not there.
    """
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        uid, gid = read_owner(view.files, owner)
        changes = [
            change
            for path in paths
            for change in _changes(view.files, view.path(path), uid, gid, recursive=recursive)
        ]
        return carry_out(image, changes, view, target, progress=progress)


def read_owner(files: GuestReader, text: str) -> tuple[int | None, int | None]:
    """Return the user and group id that ``USER[:GROUP]`` means in this guest; None: that half was not given.

    :raises NotInGuest: there is no such user or group.
    :raises UsageError: the text says neither.
    """
    user, colon, group = text.partition(":")
    if not user and not group:
        raise UsageError(f"not an owner: {text!r}", hint="write USER, USER:GROUP or :GROUP")
    uid = _id(files, user, PASSWD, "user") if user else None
    gid = _id(files, group, GROUP, "group") if colon and group else None
    return uid, gid


def _id(files: GuestReader, text: str, path: str, what: str) -> int:
    if text.isdecimal():
        if int(text) > MAX_ID:
            raise UsageError(f"no such {what} id: {text}")
        return int(text)
    for number, name in names_by_id(files, path):
        if name == text:
            return number
    raise NotInGuest(f"no such {what} in the guest: {text}", hint=f"see: imgtools cat IMAGE {path}")


def _changes(
    files: GuestReader, path: str, uid: int | None, gid: int | None, *, recursive: bool
) -> Iterator[SetOwner]:
    stat = files.lstat(path)
    if stat is None:
        raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
    true_path = files.locate(path)
    if not recursive or stat.kind is not FileKind.DIRECTORY:
        yield from _change(true_path, stat, uid, gid)
        return
    for found in files.walk(true_path):
        yield from _change(found.path, found.stat, uid, gid)


def _change(path: str, stat: FileStat, uid: int | None, gid: int | None) -> Iterator[SetOwner]:
    if (uid is not None and uid != stat.uid) or (gid is not None and gid != stat.gid):
        yield SetOwner(path, uid, gid)
