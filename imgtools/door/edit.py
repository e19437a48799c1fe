"""What ``edit_image`` gives: an image that takes a plan."""

from __future__ import annotations

from imgtools.door.plan import Plan
from imgtools.image import edit as image_edit
from imgtools.image.handle import Image
from imgtools.records.disks import Declined
from imgtools.records.progress import Progress
from imgtools.records.request import Engine
from imgtools.workflows.writing import apply_labelled


class ImageEdit(Image):
    """All disks of one guest, open for reading as they were before the edit, and for changes."""

    def __init__(self, edit: image_edit.ImageEdit) -> None:
        super().__init__(edit.infos, edit._router, edit._servers)
        self._edit = edit

    def apply(self, plan: Plan, *, progress: Progress | None = None) -> None:
        """Carry a plan out; nothing counts before :meth:`commit`. One plan is best: one mount, one check, one boot.

        :raises EditConflict: a file is not what the plan saw.
        :raises EditFailed: a change cannot be made (no room in the guest, not supported there).
        :raises RolledBack: what was written is not in order.
        :raises NoRoom: the host has no room for the changes.
        """
        apply_labelled(self._edit, [one.change for one in plan.changes], plan.mounts, progress=progress)

    def commit(self, *, progress: Progress | None = None) -> None:
        """Make the changes count, all at once; without any, there is nothing to do. Reading ends here.

        :raises EditFailed: a change of this edit has failed before; nothing is written.
        :raises EditConflict: the image was changed by another program meanwhile; nothing was written.
        :raises EditCut: the commit failed half-way; :func:`recover` finishes it.
        """
        self._edit.commit(progress=progress)

    @property
    def output(self) -> str:
        """The host path of the new image; empty for an edit in place."""
        return self._edit.output

    @property
    def written_by(self) -> Engine | None:
        """Which engine carried the changes out; None: there were none."""
        return self._edit.written_by

    @property
    def declined(self) -> tuple[Declined, ...]:
        return self._edit.declined
