"""Repair a guest that does not boot, or that nobody gets into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.change.change import RegistryApplyLog, RegistryChange
from imgtools.change.describe import PlannedChange
from imgtools.change.sequence import ChangeSequence
from imgtools.errors import (
    EngineFailed,
    GuestFileError,
    ImgtoolsError,
    NoGuest,
    OddGuest,
    UnsupportedGuest,
    UsageError,
)
from imgtools.guest.guest import Guest, bare_guest, the_guest
from imgtools.image.handle import Image
from imgtools.ops.operation import ANY, Shelved, load_shelf
from imgtools.ops.proposal import Proposal, findings_of, propose
from imgtools.ops.selection import Chosen, choose_repairs
from imgtools.ops.shelf_plan import NOT_IN_FILES, Planned, plan_operations, repairs_in_order
from imgtools.ops.station import Examined, StationReport
from imgtools.records.diagnosis import Finding
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.system import OsType, Warned
from imgtools.workflows.boot import BootReport, BootRequest
from imgtools.workflows.diagnose import examine
from imgtools.workflows.hive_logs import dirty_hives
from imgtools.workflows.repair_proof import Proof, ThenBoot
from imgtools.workflows.sysprep import OperationReport, OperationRow, operation_reports, operation_rows
from imgtools.workflows.writing import PlanReport, carry_out, open_for

SHELF = "imgtools.ops.repair"
PACKAGE_FILES = "package-files"  # the repair that puts back the files of a package


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
    before: tuple[StationReport, ...] = ()  # each station before; () if nothing was diagnosed
    after: tuple[StationReport, ...] = ()  # and after the repairs were made; () if nothing was written
    left: tuple[Finding, ...] = ()  # what is found after them, or what no repair was proposed for
    boot: BootReport | None = None  # how it booted with them; None: it was not to, or nothing was changed
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
    package_file: Path | None = None,
    auto: bool = False,
    then_boot: BootRequest | None = None,
    progress: Progress | None = None,
) -> RepairReport:
    """Plan what mends a guest and, if ``target`` says so, do it in one transaction.

    What is written is diagnosed again before it counts: a repair that leaves what it was to mend is no repair.

    :param only: the repairs that are wanted; without any, all that can tell for themselves whether they are needed.
    :param settings: ``repair.parameter=value``.
    :param package_file: a package file of the host whose files are put back: the repair ``package-files`` with it.
    :param auto: the repairs that a diagnosis proposes with high confidence, with their parameters.
    :param then_boot: boot what the repairs leave before it counts; where it does not come up, all is rolled back.
    :raises UsageError: there is no such repair or parameter, or a parameter is missing; or nothing is written that
        could be booted.
    :raises UnsupportedGuest: a repair that was named is not for the guest.
    :raises NoGuest: none was found, and its disks need nothing.
    :raises WouldLoseData: a repair would throw something away, and nobody said that this is meant.
    :raises RolledBack: what was to be mended is still found; nothing was written.
    """
    if then_boot is not None and target.is_dry_run:
        raise UsageError("--then-boot boots what is written", hint="add --write or --output FILE")
    only, settings = _with_package(only, settings, package_file, auto=auto)
    shelf = load_shelf(SHELF)
    chosen = () if auto else choose_repairs(shelf, only, settings)  # a wrong name is told before anything
    with open_for(request, target) as image:
        examined = examine(image, request.root)
        guest, error = _guest_of(image, examined, request.root)
        boots = None if then_boot is None else ThenBoot(then_boot, request.keys, progress)
        proof = Proof(examined, looks=auto or not target.is_dry_run, then_boot=boots)
        if auto:
            proposed = propose(findings_of(proof.before), shelf)
            chosen = _chosen(shelf, proposed, settings)
        # A hive's edits compose, and its logs come first; of other files each repair sees what those before it leave.
        sequence = None if guest.os.type is OsType.WINDOWS else ChangeSequence(guest.files)
        planned, warnings = _asked(guest, chosen if error is None else _of_disks(chosen, error), sequence)
        if auto:
            warnings += tuple(_not_for(guest, planned))
        if error is not None and not any(one.changes for one in planned):
            raise error
        planned = _with_logs(guest, planned)
        changing = {one.shelved.name for one in planned if one.changes}
        proof.chosen = tuple(one for one in chosen if one.shelved.name in changing)
        report = carry_out(
            image,
            repairs_in_order(planned, sequence),
            guest,
            target,
            warnings=warnings,
            progress=progress,
            proof=proof,
        )
        return _report(report, guest, planned, proof)


def _with_package(
    only: Sequence[str], settings: Sequence[str], package_file: Path | None, *, auto: bool
) -> tuple[Sequence[str], Sequence[str]]:
    """Return the repairs that are wanted and their settings, with those of a package file.

    :raises UsageError: the repairs are to be chosen by a diagnosis, and some are named.
    """
    if auto and (only or package_file is not None):
        said = "--only" if only else "--package-file"
        raise UsageError("--auto chooses the repairs itself", hint=f"leave --auto or {said} away")
    if package_file is None:
        return only, settings
    return (*only, PACKAGE_FILES), (*settings, f"{PACKAGE_FILES}.file={package_file}")


def _report(report: PlanReport, guest: Guest, planned: Sequence[Planned], proof: Proof) -> RepairReport:
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
        before=proof.before,
        after=proof.after,
        left=proof.left(report.written and report.changed),
        boot=proof.boot,
        warnings=report.warnings,
    )


def _chosen(shelf: Mapping[str, Shelved], proposed: Proposal, settings: Sequence[str]) -> tuple[Chosen, ...]:
    """Return the repairs that a diagnosis proposes; none at all where it proposes none.

    Nobody has named them: one that cannot help this guest is told, and the others are made all the same.
    """
    if not proposed.repairs:
        return ()
    chosen = choose_repairs(shelf, proposed.repairs, [*proposed.settings, *settings])
    return tuple(replace(one, named=False) for one in chosen)


def _guest_of(image: Image, examined: Examined, root: str | None) -> tuple[Guest, ImgtoolsError | None]:
    """Return the guest; one of which only the disks are known where none can be read, and why none can."""
    if examined.guest is not None:
        return replace(examined.guest, open_device=image.try_bytes), None
    try:
        return the_guest(image, root), None
    except (NoGuest, OddGuest, EngineFailed) as error:
        return bare_guest(image, error.message), error


def _of_disks(chosen: Sequence[Chosen], error: ImgtoolsError) -> tuple[Chosen, ...]:
    """Return the repairs that need no guest.

    :raises ImgtoolsError: why there is none, if one was named that needs it.
    """
    for_any = [one for one in chosen if one.shelved.operation.families is ANY]
    if any(one.named and one not in for_any for one in chosen):
        raise error
    return tuple(for_any)


def _asked(
    guest: Guest, chosen: Sequence[Chosen], sequence: ChangeSequence | None
) -> tuple[tuple[Planned, ...], tuple[Warned, ...]]:
    """Ask the repairs what they want.

    One that nobody named and that cannot help, as where what it looks at is damaged, is left out with a warning:
    another may mend just that.

    :param sequence: takes the changes of files; each repair is planned on what it has.
    """
    planned: list[Planned] = []
    warnings: list[Warned] = []
    for one in sorted(chosen, key=lambda one: one.shelved.operation.order):
        try:
            now = guest if sequence is None else replace(guest, files=sequence.files)
            found = plan_operations(now, [one], leave_out="leave {} out of --only")
            if sequence is not None:
                changes = (change for asked in found for change in asked.changes)
                sequence.add(change for change in changes if not isinstance(change, NOT_IN_FILES))
            planned += found
            warnings += one.shelved.operation.remarks(now, one.params)
        except (OddGuest, GuestFileError, UnsupportedGuest) as error:
            if one.named:
                raise
            warnings.append(Warned(f"{one.shelved.name} does nothing: {error.message}"))
    return tuple(planned), tuple(warnings)


def _not_for(guest: Guest, planned: Sequence[Planned]) -> Iterator[Warned]:
    """Say which repairs of a proposal are not for this guest, and what it lacks."""
    for one in planned:
        if not one.applies:
            lacking = one.shelved.operation.lacking(guest) or "nothing that it is for"
            yield Warned(f"{one.shelved.name} does nothing: the guest has {lacking}")


def _with_logs(guest: Guest, planned: Sequence[Planned]) -> tuple[Planned, ...]:
    """Return what repairs want; the first that changes a hive applies what only its transaction logs hold, before that.

    A guest that does not boot was seldom shut down cleanly, and its next boot would apply the logs over the changes.
    """
    dirty = dirty_hives(guest, [change for one in planned for change in one.changes])
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
