"""An image that stays open for many commands: what they want changed gathers in one plan, and reading sees it.

The image itself is open for reading. A change is planned as ever, on the guest as the changes before it leave it, and
kept; what its files will be is in memory (:mod:`imgtools.change.preview`). Nothing is written before somebody carries
the whole plan out, in one transaction: so whatever ends the session, the image is as it was.

What lies outside of files (partition tables, UUIDs) and what programs of the plan will do is not foreseen.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.change.archive import is_copy
from imgtools.change.change import Change, Upload
from imgtools.change.describe import PlannedChange
from imgtools.change.plan import Plan
from imgtools.change.sequence import ChangeSequence
from imgtools.engine.held_folder import scratch_folder
from imgtools.errors import EditConflict, SessionReadOnly
from imgtools.files.paths import normalise
from imgtools.files.tree import GuestTree
from imgtools.filesystems.api import Filesystem
from imgtools.image.handle import Image
from imgtools.records.disks import Declined, Mount, Volume


@dataclass(frozen=True, slots=True)
class GatheredStep:
    """What one command wants changed."""

    said: str  # the command, as it was typed
    changes: tuple[Change, ...]
    shown: tuple[PlannedChange, ...]
    mounts: tuple[Mount, ...]
    root: Volume | None
    check: bool  # whether what would lock people out is refused


class GatheredSteps:
    """What is planned so far; it outlives the handle that an image is open by.

    :param writable: whether anything may be planned.
    """

    def __init__(self, *, writable: bool) -> None:
        self.writable = writable
        self.said = ""  # the command that runs
        self.steps: list[GatheredStep] = []
        self._kept = ExitStack()  # copies of archives
        self._folder: Path | None = None

    def add(self, step: GatheredStep) -> None:
        """Keep a step."""
        self.steps.append(step)

    def forget(self) -> None:
        """Forget all of them, and what was kept for them."""
        self.steps.clear()
        self._kept.close()
        self._folder = None

    def lasting(self, change: Change) -> Change:
        """Return a change that can be carried out later: a copy that is about to go is kept, and paths are whole."""
        if not isinstance(change, Upload):
            return change
        place = change.host_path.absolute()
        if is_copy(place):
            if self._folder is None:
                self._folder = self._kept.enter_context(scratch_folder())
            kept = self._folder / place.name
            if not kept.exists():
                try:
                    os.link(place, kept)
                except OSError:  # another filesystem
                    shutil.copyfile(place, kept)
            place = kept
        return replace(change, host_path=place)


class PlannedImage(Image):
    """An open image as the steps of a session leave it.

    :param base: the image as it is.
    """

    def __init__(self, base: Image, gathered: GatheredSteps) -> None:
        super().__init__(base.infos, base._router, base._servers)
        self.base = base
        self.gathered = gathered
        self._sequence: ChangeSequence | None = None
        self._mounts: tuple[Mount, ...] = ()

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """Among which the paths of the plan are resolved."""
        return self._mounts

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that is planned, every file once."""
        sequence = self._foreseen()
        return sequence.changes if sequence is not None else ()

    def files(self, mounts: Sequence[Mount]) -> GuestTree:
        """Return the file tree that these mounts make, as the plan leaves it."""
        sequence = self._foreseen()
        if sequence is None:
            return super().files(mounts)
        if tuple(mounts) == self._mounts:
            return sequence.files
        tree, planned = super().files(mounts), sequence.files.mounted
        ours = {_place(mount): planned[normalise(mount.path)] for mount in self._mounts}
        found = {normalise(mount.path): ours.get(_place(mount)) for mount in mounts}
        whole = {path: one or tree.mounted[path] for path, one in found.items()}
        return GuestTree(whole, tree.served_by)

    def try_mount(self, volume: Volume) -> Filesystem | Declined:
        """Mount one volume as the plan leaves it, without booting for it."""
        sequence = self._foreseen()
        if sequence is not None:
            for mount in self._mounts:
                if mount.volume.device == volume.device and not mount.inner:
                    return sequence.files.mounted[normalise(mount.path)]
        return super().try_mount(volume)

    def gather(self, plan: Plan, *, root: Volume | None, check: bool) -> None:
        """Put a plan behind what is planned already.

        :raises SessionReadOnly: nothing may be planned.
        :raises EditConflict: the plan so far changes what the guest mounts.
        """
        if not self.gathered.writable:
            raise SessionReadOnly(
                "the session is read-only: nothing can be changed",
                hint="begin it with --write; --dry-run shows what the command would change",
            )
        if not plan.changes:
            return
        if self._foreseen() is not None and plan.mounts != self._mounts:
            raise EditConflict(
                "what is planned changes what the guest mounts",
                hint="commit it, or undo it, before you go on",
            )
        changes = tuple(self.gathered.lasting(one) for one in plan.plain)
        step = GatheredStep(
            self.gathered.said,
            changes,
            tuple(shown for one in plan.changes for shown in one.shown),
            plan.mounts,
            root,
            check,
        )
        self._take(step)
        self.gathered.add(step)

    def undo(self) -> GatheredStep | None:
        """Take the last step back, and return it; None: there is none."""
        if not self.gathered.steps:
            return None
        self._sequence = None
        return self.gathered.steps.pop()

    def _foreseen(self) -> ChangeSequence | None:
        """Return what the steps leave; None: there is no step."""
        if self._sequence is None:
            for step in self.gathered.steps:
                self._take(step)
        return self._sequence

    def _take(self, step: GatheredStep) -> None:
        sequence = self._sequence
        if sequence is None:
            sequence = ChangeSequence(super().files(step.mounts))
        self._sequence = None  # half a step is none: what the steps leave is found out again then
        sequence.add(step.changes)
        self._sequence, self._mounts = sequence, step.mounts


def _place(mount: Mount) -> tuple[str, str, str]:
    return mount.volume.device, mount.options, mount.inner
