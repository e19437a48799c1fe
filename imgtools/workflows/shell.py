"""One session on a guest: an image that stays open for many commands, whose changes gather in one plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.change.describe import PlannedChange
from imgtools.change.plan import Plan
from imgtools.errors import NotADirectory, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.guest.plan import make_plan
from imgtools.image.edit import ImageEdit, edit_request
from imgtools.image.handle import Image, open_request
from imgtools.image.planned import GatheredStep, GatheredSteps, PlannedImage
from imgtools.image.sharing import staying
from imgtools.records.files import FileEntry, FileKind
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.workflows.writing import PlanReport

MOST_NAMES = 1000  # of a directory that are offered to be completed


@dataclass(frozen=True, slots=True)
class UndoReport:
    """Steps that were taken back, the last one first."""

    image: str
    undone: tuple[str, ...]  # the commands, as they were typed
    left: int  # steps that are planned still


class GuestSession:
    """An image, open from its first use on until the end, and what is planned for it.

    :param writable: whether changes may be planned and committed; the image is locked from the beginning then.
    """

    def __init__(self, request: ImageRequest, *, writable: bool = False) -> None:
        self.request = request
        self.gathered = GatheredSteps(writable=writable)
        self._stack = ExitStack()
        self._image: PlannedImage | None = None

    def image(self) -> PlannedImage:
        """Return the image, opened if it is not.

        :raises ImgtoolsError: as :func:`imgtools.image.handle.open_image`, and for a session that writes
            :func:`imgtools.image.edit.edit_image`.
        """
        if self._image is None:
            base: Image = self._stack.enter_context(self._door())
            self._image = PlannedImage(base, self.gathered)
        return self._image

    def _door(self) -> AbstractContextManager[Image]:
        if not self.gathered.writable:
            return open_request(self.request)
        return edit_request(self.request, Target(write=True))

    def let_go(self) -> None:
        """Close the image; what is planned stays, and whoever needs the image opens it again.

        After a command that was interrupted: nobody knows then what a server was asked and has still to answer.
        """
        self._image = None
        stack, self._stack = self._stack, ExitStack()
        stack.close()

    def close(self) -> None:
        """End the session; what is planned is forgotten."""
        self.let_go()
        self.gathered.forget()

    @contextmanager
    def running(self, said: str) -> Iterator[None]:
        """Within this, commands about the image of the session get it as the plan leaves it.

        :param said: what is run, for who asks what is planned.
        """
        self.gathered.said = said
        with staying(lambda request: self.image() if request.disks == self.request.disks else None):
            yield

    # -- where one is ------------------------------------------------------------------------------------------

    def enter(self, path: str) -> str:
        """Have paths that do not begin with / begin in another directory of the guest, and return that.

        :raises NotADirectory: it is none.
        """
        view = view_files(self.image(), self.request)
        place = view.files.resolve(view.path(path))
        if not view.files.is_dir(place):
            raise NotADirectory(f"not a directory in the guest: {place}", path=place)
        self.request = replace(self.request, folder=place)
        return place

    def names(self, directory: str) -> Sequence[tuple[FileEntry, bool]]:
        """Return the names in a directory of the guest, and of each whether it leads to a directory."""
        view = view_files(self.image(), self.request)
        place = view.files.resolve(view.path(directory))
        found = view.files.list_dir(place)[:MOST_NAMES]
        return [(one, _leads_to_directory(view.files, place, one)) for one in found]

    def keep_place(self) -> None:
        """Have the image's name mean the same from another folder of the host: called before that changes."""
        disks = tuple(
            replace(one, host_path=one.host_path.absolute()) if one.host_path != Path() else one
            for one in self.request.disks
        )
        if disks != self.request.disks:
            self.let_go()
            self.request = replace(self.request, disks=disks)

    # -- the plan ----------------------------------------------------------------------------------------------

    @property
    def steps(self) -> Sequence[GatheredStep]:
        """What is planned, a step for each command."""
        return self.gathered.steps

    def plan(self) -> PlanReport:
        """Return what a commit would do.

        :raises ImgtoolsError: as :func:`imgtools.guest.plan.make_plan`.
        """
        image = self.image()
        shown: tuple[PlannedChange, ...] = ()
        warnings = image.warnings
        if self.steps:
            plan = self._plan(image)
            shown = tuple(one for planned in plan.changes for one in planned.shown)
            warnings = (*warnings, *plan.warnings)
        return self._report(image.served_by, shown, warnings=warnings)

    def _plan(self, image: PlannedImage) -> Plan:
        last = self.steps[-1]
        return make_plan(
            image.base,
            image.changes,
            last.mounts,
            root=last.root,
            check=all(step.check for step in self.steps),
        )

    def _report(
        self,
        engine: Engine,
        changes: tuple[PlannedChange, ...],
        *,
        written: bool = False,
        warnings: Sequence[object] = (),
    ) -> PlanReport:
        return PlanReport(
            image=self.request.name,
            engine=engine,
            written=written,
            changed=bool(changes),
            changes=changes,
            warnings=tuple(warnings),  # type: ignore[arg-type]
        )

    def undo(self, count: int = 1) -> UndoReport:
        """Take the last steps back.

        :raises UsageError: there are not so many.
        """
        if count < 1 or count > len(self.steps):
            planned = f"{len(self.steps)} step{'' if len(self.steps) == 1 else 's'}"
            raise UsageError(
                f"cannot take {count} back: {planned} planned", hint="plan shows what is planned"
            )
        image = self.image()
        undone = [step.said for _ in range(count) if (step := image.undo()) is not None]
        return UndoReport(self.request.name, tuple(undone), len(self.steps))

    def rollback(self) -> UndoReport:
        """Forget all that is planned; without anything, that is no error."""
        undone = tuple(step.said for step in reversed(self.steps))
        self.gathered.forget()
        if self._image is not None:
            self._image = PlannedImage(self._image.base, self.gathered)
        return UndoReport(self.request.name, undone, 0)

    def commit(self, progress: Progress | None = None) -> PlanReport:
        """Carry out all that is planned, in one transaction; the plan is empty then. If it fails, the plan stays.

        :raises ImgtoolsError: as ``ImageEdit.apply`` and ``commit``; nothing was written, unless it is EditCut.
        """
        image = self.image()
        if not self.steps:
            return self._report(image.served_by, ())
        edit = image.base
        assert isinstance(edit, ImageEdit), "only a session that writes has a step"
        plan = self._plan(image)
        try:
            edit.apply(plan, progress=progress)
            engine, remarks = edit.written_by or edit.served_by, edit.remarks
            edit.commit(progress=progress)
        finally:
            self.let_go()  # an edit is committed once, and one that failed never
        self.gathered.forget()
        shown = tuple(one for planned in plan.changes for one in planned.shown)
        return self._report(engine, shown, written=True, warnings=(*plan.warnings, *remarks))


def _leads_to_directory(files: GuestReader, above: str, entry: FileEntry) -> bool:
    if entry.stat.kind is FileKind.LINK:
        return files.is_dir(f"{above.rstrip('/')}/{entry.name}")
    return entry.stat.kind is FileKind.DIRECTORY
