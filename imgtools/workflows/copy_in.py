"""Copy files and directories of the host into a guest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgtools.change.change import Change
from imgtools.change.fit_to_filesystem import fitted
from imgtools.change.host_tree import Ownership, copies, name_of
from imgtools.errors import NoSuchGuestFile, NotADirectory
from imgtools.files.paths import join, parent_of
from imgtools.guest.find.tree import view_files
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.records.system import Warned
from imgtools.workflows.chown import read_owner
from imgtools.workflows.writing import PlanReport, carry_out, open_for


def copy_in(
    request: ImageRequest,
    target: Target,
    sources: Sequence[Path],
    to: str,
    *,
    keep_owners: bool = False,
    owner: str = "",
    progress: Progress | None = None,
) -> PlanReport:
    """Copy host files into the directory ``to``; one source may also get ``to`` as its new name.

    Modes and times are kept; links are copied as links. Device nodes, fifos and sockets are left out, with a warning;
    so is what the guest's filesystem cannot hold.

    :param keep_owners: the copies have the user and group ids that the files have on the host.
    :param owner: ``USER[:GROUP]`` of the guest for all copies; root without it.
    :raises HostError: a source cannot be read.
    :raises NotADirectory: several sources, and ``to`` is no directory.
    """
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        end = view.path(to)
        into = view.files.is_dir(end)
        if len(sources) > 1 and not into:
            raise NotADirectory(f"not a directory in the guest: {end}", path=end)
        if not into and not view.files.is_dir(parent_of(end.rstrip("/"))):
            raise NoSuchGuestFile(f"no such directory in the guest: {parent_of(end.rstrip('/'))}", path=end)
        uid, gid = read_owner(view.files, owner) if owner else (None, None)
        ownership = Ownership(keep_owners, uid or 0, gid or 0)
        changes: list[Change] = []
        left_out: list[Warned] = []
        for source in sources:
            goal = join(view.files.resolve(end), name_of(source)) if into else end.rstrip("/")
            for one in fitted(copies(source, goal, ownership, view.files), view.mounts):
                (left_out if isinstance(one, Warned) else changes).append(one)  # type: ignore[arg-type]
        return carry_out(image, changes, view, target, warnings=left_out, progress=progress)
