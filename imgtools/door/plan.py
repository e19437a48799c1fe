"""A plan: what shall be different in a guest, settled and checked, to be looked at and then applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.change.change import Change
from imgtools.change.describe import PlannedChange
from imgtools.change.document import Document
from imgtools.door.opening import HostPath
from imgtools.image.handle import Image
from imgtools.records.disks import Mount
from imgtools.workflows.apply import read_plan as read_changes
from imgtools.workflows.writing import labels_for, plan_changes


@dataclass(frozen=True, slots=True)
class Plan:
    """What an edit will change, each change in words and as a diff; made by :func:`make_plan`.

    A plan without changes is false: ``if plan: ...``. Nothing of it was written.
    """

    changes: tuple[PlannedChange, ...]
    mounts: tuple[Mount, ...]  # among which the paths are meant

    def __bool__(self) -> bool:
        return bool(self.changes)

    def as_json(self) -> Document:
        """Return it as ``imgtools apply`` and :func:`read_plan` read it; private content is left out."""
        return {"changes": [dict(one.as_json()) for one in self.changes]}


def make_plan(image: Image, changes: Sequence[Change], mounts: Sequence[Mount]) -> Plan:
    """Settle, check and describe changes: edits of one file are made one, and what is so already is left out.

    It only reads. A guest with SELinux gets what labels its new files.

    :param mounts: ``guest.mounts``, or the volumes that the paths are meant among.
    :raises EditConflict: changes contradict each other, or a file is not what they were made for.
    :raises OddGuest: a file that is to be edited does not parse.
    :raises GuestFileError: a path is not there, or of the wrong kind.
    """
    _, more = labels_for(image, changes, mounts)
    return Plan(plan_changes(image, [*changes, *more], mounts), tuple(mounts))


def read_plan(host_path: HostPath) -> tuple[Change, ...]:
    """Read changes from a plan in YAML or JSON; see docs/plan.md for its form.

    :raises UsageError: it is not a plan; the message says where.
    :raises HostError: the file cannot be read.
    """
    return read_changes(Path(host_path))
