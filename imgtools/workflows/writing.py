"""From a plan to what became of it: what every writing command shares.

A writing command reads the guest, makes a plan, and hands it to :func:`carry_out`, which shows it or does it::

    def set_hostname(request: ImageRequest, target: Target, name: str, progress: Progress) -> PlanReport:
        with open_for(request, target) as image:
            guest = the_guest(image, request.root)
            changes = [WriteFile("/etc/hostname", f"{name}\\n".encode())]
            return carry_out(image, changes, guest.mounts, warnings=guest.warnings, progress=progress)

    # cli/hostname.py
    def command(source: Source, target: Target, out: Output, name: ...) -> None:
        from imgtools.workflows.hostname import set_hostname
        with out.progress("Writing") as progress:
            report = set_hostname(source, target, name, progress)
        show_plan(out, report)                                  # imgtools.cli.output.plan

Without --write and --output the image is opened for reading only, so a dry run cannot write and takes no lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile

from imgtools.change.applier import check_before
from imgtools.change.change import Change, RunInGuest, WriteFile
from imgtools.change.compose import settle
from imgtools.change.describe import PlannedChange, describe
from imgtools.change.plan import check_plan
from imgtools.guest.labels import (
    AUTORELABEL,
    Labeller,
    makes_files,
    needs_autorelabel,
    new_file_labeller,
)
from imgtools.image.edit import ImageEdit, edit_request
from imgtools.image.handle import Image, open_request
from imgtools.records.disks import Mount
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A plan, and whether it was carried out. ``output`` is the new image, if one was made."""

    image: str
    engine: Engine  # who read the guest, and wrote to it if anything was written
    applied: bool
    changes: tuple[PlannedChange, ...]
    output: str = ""
    warnings: tuple[Warned, ...] = ()


@contextmanager
def open_for(request: ImageRequest, target: Target) -> Iterator[Image]:
    """Open the image for what ``target`` asks: for reading where the plan is only shown, else for an edit."""
    with open_request(request) if target.is_dry_run else edit_request(request, target) as image:
        yield image


def plan_changes(
    image: Image, changes: Sequence[Change], mounts: Sequence[Mount]
) -> tuple[PlannedChange, ...]:
    """Return a plan as it would be carried out: edits settled into files, repetitions gone, contradictions found.

    :raises EditConflict: two changes contradict each other, or a file is not what the plan was made for.
    :raises OddGuest: a file that is to be edited does not parse.
    """
    files = image.files(mounts)
    plan = check_plan(settle(changes, files), files)
    # What a program of the plan leaves is looked at when it has run.
    certain = takewhile(lambda change: not isinstance(change, RunInGuest), plan)
    check_before(files, [change for change in certain if isinstance(change, WriteFile)])
    return tuple(describe(change, files) for change in plan)


def carry_out(
    image: Image,
    changes: Sequence[Change],
    mounts: Sequence[Mount],
    *,
    warnings: Sequence[Warned] = (),
    progress: Progress | None = None,
) -> PlanReport:
    """Show a plan, or do it and commit it, by how the image was opened (see :func:`open_for`).

    Call it once: an image that was committed is closed. An empty plan changes nothing, and is no error.

    :raises ImgtoolsError: as :meth:`imgtools.image.edit.ImageEdit.apply` and ``commit``.
    """
    label, more = labels_for(image, changes, mounts)
    planned = plan_changes(image, [*changes, *more], mounts)
    engine, output = image.served_by, ""
    if isinstance(image, ImageEdit):
        image.apply([one.change for one in planned], mounts, label=label, progress=progress)
        engine, output = image.written_by or engine, image.output
        image.commit(progress=progress)
    return PlanReport(
        image=str(image.infos[0].source.host_path),
        engine=engine,
        applied=isinstance(image, ImageEdit),
        changes=planned,
        output=output,
        warnings=tuple(warnings),
    )


def apply_labelled(
    image: ImageEdit,
    changes: Sequence[Change],
    mounts: Sequence[Mount],
    *,
    progress: Progress | None = None,
) -> None:
    """As :meth:`ImageEdit.apply`, with SELinux labels for what is new: for edits that show no plan."""
    label, more = labels_for(image, changes, mounts)
    image.apply([*changes, *more], mounts, label=label, progress=progress)


def labels_for(
    image: Image, changes: Sequence[Change], mounts: Sequence[Mount]
) -> tuple[Labeller | None, tuple[Change, ...]]:
    """Return what labels the files that a plan makes, and what the plan needs besides.

    That is ``/.autorelabel`` where the guest's policy wants labels and nobody here can decide them: then the guest
    labels itself when it boots. Both are empty for a guest without SELinux.
    """
    files = image.files(mounts)
    if not makes_files(changes, files):
        return None, ()
    label = new_file_labeller(files)
    if label is None and needs_autorelabel(files) and files.lstat(AUTORELABEL) is None:
        return None, (WriteFile(AUTORELABEL, b""),)
    return label, ()
