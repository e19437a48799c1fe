"""Repair a guest that does not boot, or that nobody gets into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imgtools.change.change import RegistryApplyLog, RegistryChange
from imgtools.change.describe import PlannedChange
from imgtools.errors import GuestFileError, OddGuest, UnsupportedGuest
from imgtools.guest.guest import Guest, the_guest
from imgtools.image.handle import Image
from imgtools.ops.operation import load_shelf
from imgtools.ops.selection import Chosen, choose_repairs
from imgtools.ops.shelf_plan import Planned, all_changes, plan_operations
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.system import OsType, Warned
from imgtools.workflows.sysprep import OperationReport, OperationRow, operation_reports, operation_rows
from imgtools.workflows.writing import carry_out, open_for

SHELF = "imgtools.ops.repair"


@dataclass(frozen=True, slots=True)
class RepairsReport:
    """All repairs of the shelf, by name."""

    repairs: tuple[OperationRow, ...]


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What every repair does, or did if ``written``."""

    image: str
    engine: Engine
    root: str
    guest: str
    written: bool
    changed: bool  # whether there is, or was, anything to change
    output: str
    repairs: tuple[OperationReport, ...]
    changes: tuple[PlannedChange, ...] = ()  # of all repairs, as they are made: what imgtools apply reads
    warnings: tuple[Warned, ...] = ()


def list_repairs() -> RepairsReport:
    """Return all repairs of the shelf, by name."""
    return RepairsReport(operation_rows(SHELF))


def repair(
    request: ImageRequest,
    target: Target,
    only: Sequence[str] = (),
    settings: Sequence[str] = (),
    *,
    progress: Progress | None = None,
) -> RepairReport:
    """Plan what mends a guest and, if ``target`` says so, do it in one transaction.

    :param only: the repairs that are wanted; without any, all that can tell for themselves whether they are needed.
    :param settings: ``repair.parameter=value``.
    :raises UsageError: there is no such repair or parameter, or a parameter is missing.
    :raises UnsupportedGuest: a repair that was named is not for the guest, or none is.
    :raises WouldLoseData: a repair would throw something away, and nobody said that this is meant.
    """
    chosen = choose_repairs(load_shelf(SHELF), only, settings)
    with open_for(request, target) as image:
        guest = _whole(image, the_guest(image, request.root))
        planned, warnings = _asked(guest, chosen)
        if not planned and not warnings:  # nobody has looked at it, which is not the same as nothing to mend
            raise UnsupportedGuest(
                f"no repair is for {guest.os.product_name or guest.os.distro}",
                hint="imgtools repair --list has them all",
            )
        planned = _with_logs(guest, planned)
        report = carry_out(image, all_changes(planned), guest, target, warnings=warnings, progress=progress)
        return RepairReport(
            image=report.image,
            engine=report.engine,
            root=guest.root.device,
            guest=guest.os.product_name or guest.os.distro,
            written=report.written,
            changed=report.changed,
            output=report.output,
            repairs=_shown(operation_reports(guest, planned), report.changes),
            changes=report.changes,
            warnings=report.warnings,
        )


def _whole(image: Image, guest: Guest) -> Guest:
    """Return the guest with the volume that it boots from and its disks, both of which repairs look at."""
    if guest.os.type is OsType.WINDOWS:
        from imgtools.guest.windows.boot_volume import with_boot_volume

        guest = with_boot_volume(image, guest)
    return replace(guest, layout=image.layout())


def _asked(guest: Guest, chosen: Sequence[Chosen]) -> tuple[tuple[Planned, ...], tuple[Warned, ...]]:
    """Ask the repairs what they want.

    One that nobody named and that cannot help, as where what it looks at is damaged, is left out with a warning:
    another may mend just that.
    """
    planned: list[Planned] = []
    warnings: list[Warned] = []
    for one in chosen:
        try:
            planned += plan_operations(guest, [one], leave_out="leave {} out of --only")
            warnings += one.shelved.operation.remarks(guest, one.params)
        except (OddGuest, GuestFileError, UnsupportedGuest) as error:
            if one.named:
                raise
            warnings.append(Warned(f"{one.shelved.name} does nothing: {error.message}"))
    return tuple(planned), tuple(warnings)


def _with_logs(guest: Guest, planned: Sequence[Planned]) -> tuple[Planned, ...]:
    """Return what repairs want; the first that changes a hive applies what only its transaction logs hold, before that.

    A guest that does not boot was seldom shut down cleanly, and its next boot would apply the logs over the changes.
    """
    changes = [change for one in planned for change in one.changes]
    written = {getattr(change, "path", "") for change in changes if not isinstance(change, RegistryChange)}
    hives = {change.path for change in changes if isinstance(change, RegistryChange)} - written
    if not hives:
        return tuple(planned)
    from imgtools.guest.windows.registry import open_registry

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        dirty = {path for path in hives if registry.hive(path).state.dirty}
    found = []
    for one in planned:
        own = {change.path for change in one.changes if isinstance(change, RegistryChange)} & dirty
        dirty -= own
        found.append(replace(one, changes=(*map(RegistryApplyLog, sorted(own)), *one.changes)))
    return tuple(found)


def _shown(
    repairs: Sequence[OperationReport], changes: Sequence[PlannedChange]
) -> tuple[OperationReport, ...]:
    """Return the repairs with the diffs that the plan has of their changes."""
    known = {(one.change, one.summary): one for one in changes}
    return tuple(
        replace(one, changes=tuple(known.get((c.change, c.summary), c) for c in one.changes))
        for one in repairs
    )
