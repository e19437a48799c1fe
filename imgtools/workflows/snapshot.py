"""Internal snapshots: list, create, apply, delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.disk.formats import require_ability
from imgtools.disk.image_file import Disk, Node, open_disk, snapshot_image
from imgtools.disk.table_edit import change_and_check, rehearse
from imgtools.errors import UnsupportedFormat, UsageError
from imgtools.records.request import ImageRequest
from imgtools.records.snapshots import Snapshot
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class SnapshotsReport:
    """The internal snapshots of an image."""

    image: str
    snapshots: tuple[Snapshot, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """What was done with snapshots, or would be."""

    image: str
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    changed_bytes: int  # of the file
    warnings: tuple[Warned, ...] = ()


def list_snapshots(request: ImageRequest) -> SnapshotsReport:
    """List the internal snapshots of an image."""
    disk = open_disk(request, alone=True)
    return SnapshotsReport(disk.name, disk.info.snapshots, disk.warnings)


def create_snapshot(request: ImageRequest, name: str, *, write: bool = False) -> SnapshotReport:
    """Keep the present state of the disk under a name.

    :raises UsageError: the name is taken, or looks like an id.
    """
    disk = _open(request)
    _refuse_name(disk, name)
    return _change(disk, [_creation(disk, name)], [("create", name)], write)


def _creation(disk: Disk, name: str) -> DiskStep:
    words = f"keep the present state as snapshot {name!r}"
    return DiskStep("create-snapshot", words, disk.name, name)


def apply_snapshot(
    request: ImageRequest, name: str, *, keep: str | None = None, write: bool = False
) -> SnapshotReport:
    """Make the disk what it was; ``keep`` first keeps the present state under a name.

    :raises UsageError: there is no such snapshot.
    :raises UnsupportedFormat: the image has bitmaps.
    """
    disk = _open(request)
    found = _find(disk, name)
    steps: list[DiskStep] = []
    actions: list[tuple[str, str]] = []
    if any(name.startswith("bitmaps.") for name, _ in disk.info.details):
        raise UnsupportedFormat(
            f"{disk.name} has bitmaps: QEMU applies no snapshot, and they would not be true of the disk of then",
            hint="imgtools bitmap list and bitmap delete; then make a full backup",
        )
    if keep is not None:
        _refuse_name(disk, keep)
        steps.append(_creation(disk, keep))
        actions.append(("create", keep))
    words = f"make the disk what it was at snapshot {found.name!r} (id {found.id})"
    steps.append(DiskStep("apply-snapshot", words, disk.name, found.name))
    if keep is None:
        steps.append(DiskStep("consequence", "the present state is lost"))
    if found.virtual_size not in (None, disk.info.virtual_size):
        words = f"the disk will have {found.virtual_size} bytes again, not {disk.info.virtual_size}"
        size, old_size = found.virtual_size, disk.info.virtual_size
        steps.append(DiskStep("consequence", words, disk.name, size=size, old_size=old_size))
    return _change(disk, steps, [*actions, ("apply", found.id)], write)


def delete_snapshot(request: ImageRequest, name: str, *, write: bool = False) -> SnapshotReport:
    """Forget a snapshot; what only it holds is freed inside the file.

    :raises UsageError: there is no such snapshot, or its name is not its own.
    """
    disk = _open(request)
    found = _find(disk, name)
    # qemu-img deletes by name only, the first of that name.
    first = next(one for one in disk.info.snapshots if one.name == found.name)
    if first.id != found.id:
        raise UsageError(
            f"snapshots {first.id} and {found.id} share the name {found.name!r}",
            hint=f"qemu-img deletes the first of a name: delete {first.id} first",
        )
    words = f"delete snapshot {found.name!r} (id {found.id})"
    step = DiskStep("delete-snapshot", words, disk.name, found.name)
    return _change(disk, [step], [("delete", found.name)], write)


def _open(request: ImageRequest) -> Disk:
    disk = open_disk(request, to_write=True, alone=True)
    require_ability(disk.info.format, "internal snapshots", disk.name)
    if disk.top.extents:
        raise UnsupportedFormat(
            f"{disk.name} keeps its data in {disk.top.extents[0].name}: QEMU makes no snapshots of that",
            hint="imgtools convert makes an image in one file",
        )
    return disk


def _refuse_name(disk: Disk, name: str) -> None:
    if any(name in (one.name, one.id) for one in disk.info.snapshots):
        raise UsageError(f"there is a snapshot {name!r} already", hint="choose another name")
    if name.isdigit() or not name:
        raise UsageError(f"not a good name: {name!r}", hint="a number would be taken for an id")
    if len(name.encode()) > 255:
        raise UsageError("a snapshot's name has at most 255 bytes")


def _find(disk: Disk, name: str) -> Snapshot:
    """Return the snapshot of this id, else of this name.

    :raises UsageError: there is none, or several have the name.
    """
    for one in disk.info.snapshots:
        if one.id == name:
            return one
    found = [one for one in disk.info.snapshots if one.name == name]
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise UsageError(f"{len(found)} snapshots have the name {name!r}", hint=f"say one of the ids: {ids}")
    if not found:
        names = ", ".join(one.name for one in disk.info.snapshots) or "none"
        raise UsageError(f"{disk.name} has no internal snapshot {name!r}", hint=f"it has: {names}")
    return found[0]


def _change(
    disk: Disk, steps: Sequence[DiskStep], actions: Sequence[tuple[str, str]], write: bool
) -> SnapshotReport:
    def change(node: Node) -> None:
        for action, name in actions:
            snapshot_image(node, action, name)

    changed = 0
    if write:
        changed = change_and_check(disk, change)
    else:
        rehearse(disk, change)
    return SnapshotReport(disk.name, write, True, tuple(steps), changed, disk.warnings)
