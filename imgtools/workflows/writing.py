"""From a plan to what became of it: what every writing command shares.

A writing command reads the guest, says what should be different, and hands that to :func:`carry_out`, which makes the
plan and shows it or does it::

    def set_hostname(request: ImageRequest, target: Target, name: str, progress: Progress) -> PlanReport:
        with open_for(request, target) as image:
            guest = the_guest(image, request.root)
            changes = [WriteFile("/etc/hostname", f"{name}\\n".encode())]
            return carry_out(image, changes, guest, target, progress=progress)

    # cli/hostname.py
    def command(source: Source, target: Target, out: Output, name: ...) -> None:
        from imgtools.workflows.hostname import set_hostname
        with out.progress("Writing") as progress:
            report = set_hostname(source, target, name, progress)
        show_plan(out, report)                                  # imgtools.cli.output.plan

Without --write and --output the image is opened for reading only, so a dry run cannot write and takes no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from imgtools.change.change import Change, MakeDirectory
from imgtools.change.contradictions import true_path
from imgtools.change.describe import PlannedChange
from imgtools.change.plan import Plan
from imgtools.errors import EditFailed
from imgtools.guest.find.tree import FileView
from imgtools.guest.guest import Guest
from imgtools.guest.plan import make_plan
from imgtools.image.edit import ImageEdit, edit_request
from imgtools.image.handle import Image, open_request
from imgtools.image.planned import PlannedImage
from imgtools.records.disks import Volume
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A plan, and whether it was carried out.

    ``output`` is the new image, if one was made; of several disks, the folder of their images.
    """

    image: str
    engine: Engine  # who read the guest, and wrote to it if anything was written
    written: bool
    changed: bool  # whether there is, or was, anything to change
    changes: tuple[PlannedChange, ...]
    output: str = ""
    warnings: tuple[Warned, ...] = ()


Report_co = TypeVar("Report_co", covariant=True)


class ReadyVerb(Protocol[Report_co]):
    """A workflow that writes, with all that it needs but the image and what becomes of its plan: for any image.

    It can be pickled, so that another process, or another host, carries it out.
    """

    def __call__(
        self, request: ImageRequest, target: Target, *, progress: Progress | None = None
    ) -> Report_co:
        """Show what would be changed in one image, or change it."""


@contextmanager
def open_for(request: ImageRequest, target: Target) -> Iterator[Image]:
    """Open the image for what ``target`` asks: for reading where the plan is only shown, else for an edit."""
    with open_request(request) if target.is_dry_run else edit_request(request, target) as image:
        yield image


def carry_out(
    image: Image,
    changes: Sequence[Change],
    view: Guest | FileView,
    target: Target,
    *,
    thorough: bool = False,
    warnings: Sequence[Warned] = (),
    progress: Progress | None = None,
    proof: Callable[[Image], None] | None = None,
) -> PlanReport:
    """Make the plan of some changes and show it, or do it and commit it, by how the image was opened.

    In a session it is only put to what is planned already (:mod:`imgtools.image.planned`).

    Call it once: an image that was committed is closed. An empty plan changes nothing, and is no error.

    :param view: what the changes are about: its mounts and its root.
    :param thorough: as :func:`imgtools.guest.plan.make_plan`; ``target`` says whether anything is checked at all.
    :param warnings: those of the command itself; those of the view are known.
    :param proof: is shown the image as the changes leave it, before they count: if it raises, nothing is written.
    :raises EditFailed: something would be written where the guest mounts what is not there.
    :raises ImgtoolsError: as :func:`imgtools.guest.plan.make_plan`, ``ImageEdit.apply`` and ``commit``.
    """
    plan = make_plan(
        image,
        changes,
        view.mounts,
        root=_root(view),
        check=target.check,
        thorough=thorough,
        warnings=(*view.warnings, *warnings),
    )
    if target.check:
        _refuse_hidden(plan, view)
    if target.gathers and isinstance(image, PlannedImage):
        image.gather(plan, root=_root(view), check=target.check)
    return do_plan(image, plan, progress, proof)


def _refuse_hidden(plan: Plan, view: Guest | FileView) -> None:
    """Refuse a plan that writes where the guest mounts a volume that is not mounted here, or that it never writes.

    :raises EditFailed: it would be written to the folder below, which nobody sees when the guest runs; or to what the
        guest checks by its hashes.
    """
    guest = view.guest if isinstance(view, FileView) else view
    if guest is None or not (guest.unmounted or guest.read_only):
        return
    for change in plan.plain:
        path = true_path(change, plan.files)
        is_point = isinstance(change, MakeDirectory) and path in guest.unmounted
        if (point := _above(path, guest.unmounted)) and not is_point:
            raise EditFailed(
                f"{path} is on the volume that the guest mounts at {point}, which is not there or not open",
                hint="add its disk or give its key; --no-check writes to the folder below it all the same",
            )
        if point := _above(path, guest.read_only):
            raise EditFailed(
                f"{path} is on the volume that the guest mounts read-only at {point}, and checks block by block",
                hint="its updates replace it as a whole; --no-check writes to it all the same",
            )


def _above(path: str, points: tuple[str, ...]) -> str:
    """Return the mount point that a path is at or below; "" if there is none."""
    return next((one for one in points if path == one or path.startswith(f"{one.rstrip('/')}/")), "")


def do_plan(
    image: Image,
    plan: Plan,
    progress: Progress | None = None,
    proof: Callable[[Image], None] | None = None,
) -> PlanReport:
    """Carry a plan out and commit it, if the image was opened for an edit; say what it is, and what became of it."""
    engine, output, remarks = image.served_by, "", tuple[Warned, ...]()
    if isinstance(image, ImageEdit):
        image.apply(plan, progress=progress)
        engine, output = image.written_by or engine, image.output
        remarks = image.remarks
        image.commit(progress=progress, proof=proof)
    return PlanReport(
        image=image.infos[0].source.name,
        engine=engine,
        written=isinstance(image, ImageEdit),
        changed=bool(plan.changes),
        changes=tuple(shown for one in plan.changes for shown in one.shown),
        output=output,
        warnings=(*plan.warnings, *remarks),
    )


def _root(view: Guest | FileView) -> Volume | None:
    guest = view.guest if isinstance(view, FileView) else view
    return guest.root if guest else None
