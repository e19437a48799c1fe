"""Copy files from one guest to another, or within one, with all that they have."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from imgtools.change.change import Change, Upload
from imgtools.change.compose import is_private
from imgtools.change.fit_to_filesystem import fitted
from imgtools.change.unpack import unpacked
from imgtools.errors import EditFailed, HostError, NoSuchGuestFile, NotADirectory, OddGuest
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import FileView, view_files
from imgtools.image.handle import open_request
from imgtools.image.mounted import scratch_folder
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.records.system import Warned
from imgtools.workflows.tar_out import pack_trees
from imgtools.workflows.writing import PlanReport, carry_out, open_for

MOST_HELD = 64 << 20  # bytes of contents in a plan that is shown
NOWHERE = Path(os.devnull)


def copy_files(
    source: ImageRequest,
    other: ImageRequest | None,
    target: Target,
    paths: Sequence[str],
    to: str,
    *,
    progress: Progress | None = None,
) -> PlanReport:
    """Copy files and directories of one guest into the directory ``to`` of another; one may get that name.

    Owners by number, modes, times, links, hard links among the copies, holes, device nodes and extended attributes are
    kept. A directory that is there keeps what it is and gets the rest; what else is in the way is replaced. What the
    other filesystem cannot hold, and sockets, are left out with a warning. What cannot be read is an error.

    :param other: the guest that is written to; None: the same.
    :param paths: a shell pattern stands for all that it matches; links are copied themselves.
    :raises NoSuchGuestFile: a path is not there, or the directory above ``to`` is not.
    :raises NotADirectory: several files, and ``to`` is no directory.
    :raises EditFailed: a file would be copied onto itself or a directory into itself, or two copies have one name.
    :raises OddGuest: something cannot be read; nothing is copied.
    :raises HostError: the host has no room for the copies on their way.
    """
    goal = other or source
    with ExitStack() as stack:
        image = stack.enter_context(open_for(goal, target))
        view = view_files(image, goal, change=True)
        origin = view
        if other is not None:
            origin = view_files(stack.enter_context(open_request(source)), source)
        tops = [top for path in paths for top in origin.named(path)]
        tops = list(dict.fromkeys(origin.files.locate(top) for top in tops))
        folder, names = _places(view, to, tops)
        if other is None:
            for top, name in zip(tops, names, strict=True):
                _refuse_itself(origin.files, top, join(folder, name))
        archive = stack.enter_context(scratch_folder()) / "files"
        warnings = _pack(origin.files, list(zip(tops, names, strict=True)), archive, progress)
        changes: list[Change] = []
        for one in fitted(unpacked(archive, folder, None, view.files), view.mounts):
            if isinstance(one, Warned):
                warnings.append(one)
            else:
                changes.append(one)
        warnings += origin.warnings if other is not None else ()
        report = carry_out(image, changes, view, target, warnings=warnings, progress=progress)
        return report if target.counts else _self_contained(report)


def _self_contained(report: PlanReport) -> PlanReport:
    """Put the contents into a plan that is only shown: the archive that has them goes, and `apply` may want them."""
    held, changes = 0, []
    for one in report.changes:
        change = one.change
        if isinstance(change, Upload):
            private = _is_private(change)
            held += 0 if private else _stored(change)
            if held <= MOST_HELD:
                one = replace(one, change=_with_content(change, private=private))
        changes.append(one)
    warnings = report.warnings
    if held > MOST_HELD:
        text = f"{held} bytes of contents, and a plan holds {MOST_HELD}"
        warnings += (Warned(f"what is printed cannot be applied later: {text}"),)
    return replace(report, changes=tuple(changes), warnings=warnings)


def _is_private(change: Upload) -> bool:
    """Whether the content is for nobody's eyes: by its name, or because not everybody may read it in the guest."""
    return is_private(change.path) or (change.mode is not None and not change.mode & 0o004)


def _stored(change: Upload) -> int:
    return change.size if change.parts is None else sum(part.size for part in change.parts)


def _with_content(change: Upload, *, private: bool) -> Upload:
    content = b""
    if not private:
        with change.host_path.open("rb") as stream:
            stream.seek(change.offset)
            content = stream.read(_stored(change))
    return replace(change, host_path=NOWHERE, offset=0, content=content, private=private)


def _places(view: FileView, to: str, tops: Sequence[str]) -> tuple[str, list[str]]:
    """Return the directory that the copies go to, resolved, and what each is called there."""
    files, end = view.files, view.path(to)
    if files.is_dir(end):
        names = [top.rpartition("/")[2] for top in tops]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise EditFailed(f"two copies would be called {twice}", hint="copy one after the other")
        return files.resolve(end), names
    if len(tops) > 1 or to.endswith(("/", "\\")):
        raise NotADirectory(f"not a directory in the guest: {end}", path=end)
    if files.lstat(end) is not None and files.exists(end):
        end = files.resolve(end)  # a link to a file: what it leads to is replaced, as with cp
    if not files.is_dir(parent_of(end)):
        raise NoSuchGuestFile(f"no such directory in the guest: {parent_of(end)}", path=end)
    end = files.locate(end)
    if files.is_dir(end):
        return end, [""]
    return parent_of(end), [end.rpartition("/")[2]]


def _refuse_itself(files: GuestReader, top: str, goal: str) -> None:
    if goal == top:
        raise EditFailed(f"{top} is there already")
    if goal.startswith(top.rstrip("/") + "/") and files.is_dir(top):
        raise EditFailed(f"a directory cannot go into itself: {top} to {goal}")


def _pack(
    files: GuestReader, trees: Sequence[tuple[str, str]], archive: Path, progress: Progress | None
) -> list[Warned]:
    """Write the files down on their way, as tar-out does; return what is left out."""
    try:
        with archive.open("xb") as stream:
            packed = pack_trees(files, trees, stream, progress=progress)
    except OSError as error:
        raise HostError(
            f"the copies cannot be held in {archive.parent.parent}: {error.strerror}",
            hint="TMPDIR names another folder",
        ) from None
    if packed.refused:
        first = packed.refused.warnings[0]
        raise OddGuest(
            f"{first.path}: {first.text}", hint="nothing was copied; copy-out takes what can be read"
        )
    return packed.warnings
