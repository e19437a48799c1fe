"""Prepare a guest to be cloned: take away what must not be the same in two machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from imgtools.change.change import Change, RegistryChange
from imgtools.change.compose import compose
from imgtools.change.describe import PlannedChange, describe, summarise
from imgtools.change.sequence import ChangeSequence
from imgtools.errors import UsageError
from imgtools.guest.guest import Guest, the_guest
from imgtools.guest.identity.collect import Identity, collect, removed_accounts
from imgtools.guest.identity.search import Searched, Trace, search
from imgtools.image.handle import open_request
from imgtools.ops.customize_plan import add_orders
from imgtools.ops.operation import Shelved, load_shelf
from imgtools.ops.order_warnings import order_warnings
from imgtools.ops.selection import Selection, choose
from imgtools.ops.shelf_plan import Planned, all_changes, plan_operations
from imgtools.ops.sysprep_stays import reason_to_stay
from imgtools.records.progress import Progress
from imgtools.records.request import Customization, Engine, ImageRequest, Target
from imgtools.records.system import OsType, Warned
from imgtools.workflows.writing import carry_out, open_for

SHELF = "imgtools.ops.sysprep"
CUSTOMIZE = "customize"
NOTHING_MORE = Customization()


@dataclass(frozen=True, slots=True)
class OperationRow:
    """One operation of the shelf, for ``--list-operations``."""

    name: str
    default: bool
    summary: str
    parameters: tuple[str, ...]
    notes: str


@dataclass(frozen=True, slots=True)
class OperationsReport:
    """All operations of the shelf, by name."""

    operations: tuple[OperationRow, ...]


@dataclass(frozen=True, slots=True)
class OperationReport:
    """What one operation does to this guest; ``applies`` is False if it is not for guests of its kind."""

    name: str
    summary: str
    applies: bool
    changes: tuple[PlannedChange, ...]


@dataclass(frozen=True, slots=True)
class SysprepReport:
    """What every operation does, or did if ``written``."""

    image: str
    engine: Engine
    root: str
    guest: str
    written: bool
    changed: bool  # whether there is, or was, anything to change
    output: str
    operations: tuple[OperationReport, ...]
    changes: tuple[PlannedChange, ...] = ()  # of all operations, as they are made: what imgtools apply reads
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class TraceRow:
    """Something that tells of the machine a template was made of; ``reason`` says why it may stay."""

    kind: str  # host name, machine ID, MAC address, address, host key, account, log, setup state
    text: str
    path: str
    in_name: bool  # the file is named so; else it is in the file
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SearchRow:
    """How far a search for traces went. Sizes in bytes."""

    identities: int  # how many were looked for
    files: int
    size: int  # what was read
    passed_over: int  # larger or damaged files, of which the beginning was read or nothing
    complete: bool  # no bound of time or memory ended it


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What is left in a guest that would be the same in every clone.

    ``left`` is what operations still find, ``traces`` what a search of all files finds besides, ``stays`` what it finds
    and may stay.
    """

    image: str
    engine: Engine
    root: str
    guest: str
    fit: bool
    left: tuple[OperationReport, ...]
    traces: tuple[TraceRow, ...] = ()
    stays: tuple[TraceRow, ...] = ()
    searched: SearchRow | None = None
    warnings: tuple[Warned, ...] = ()


def list_operations() -> OperationsReport:
    """Return all operations of the shelf, by name."""
    return OperationsReport(operation_rows(SHELF))


def operation_rows(shelf: str) -> tuple[OperationRow, ...]:
    """Return all operations of a shelf, by name."""
    return tuple(
        OperationRow(
            shelved.name,
            shelved.operation.default,
            shelved.operation.summary,
            shelved.parameter_names,
            shelved.operation.notes,
        )
        for shelved in load_shelf(shelf).values()
    )


def prepare(
    request: ImageRequest,
    target: Target,
    selection: Selection,
    *,
    customization: Customization = NOTHING_MORE,
    progress: Progress | None = None,
) -> SysprepReport:
    """Plan what makes a guest a template and, if ``target`` says so, do it in one transaction.

    :raises UsageError: the selection names an unknown operation, or sets what does not run.
    :raises UnsupportedGuest: a named operation is not for the guest.
    :raises OddGuest: a file that an operation has to understand does not parse.

    :param customization: what to change besides; it comes after the operations, on the guest as they leave it.
    """
    shelf = load_shelf(SHELF)
    chosen = choose(shelf, selection)
    if customization.orders:
        _refuse_left_out(selection)
        chosen = tuple(one for one in chosen if one.shelved.name != CUSTOMIZE)
    with open_for(request, target) as image:
        guest = the_guest(image, request.root)
        planned = plan_operations(guest, chosen)
        changes = all_changes(planned)
        operations = operation_reports(guest, planned)
        if customization.orders:
            sequence = ChangeSequence(guest.files)
            sequence.add(changes)
            wanted = add_orders(guest, customization.orders, sequence)
            operations += operation_reports(guest, [Planned(shelf[CUSTOMIZE], True, wanted)])
            changes = sequence.changes
        warnings = tuple(order_warnings(guest, customization.orders))
        report = carry_out(image, changes, guest, target, warnings=warnings, progress=progress)
        return SysprepReport(
            image=report.image,
            engine=report.engine,
            root=guest.root.device,
            guest=guest.os.product_name or guest.os.distro,
            written=report.written,
            changed=report.changed,
            output=report.output,
            operations=operations,
            changes=report.changes,
            warnings=report.warnings,
        )


def verify(
    request: ImageRequest, selection: Selection | None = None, *, original: ImageRequest | None = None
) -> VerifyReport:
    """Say whether a guest is fit to be cloned: whether any operation still finds something, or a search of all files.

    :param selection: the operations to ask; None are the default ones.
    :param original: the guest as it was before; then what is searched for are its names, addresses and keys, and the
        accounts that it had. Without it, what the guest itself still says of the machine it was.
    """
    with ExitStack() as stack:
        identities: tuple[Identity, ...] = ()
        before = None
        if original is not None:
            before = the_guest(stack.enter_context(open_request(original)), original.root)
            identities = collect(before)
        image = stack.enter_context(open_request(request))
        guest = the_guest(image, request.root)
        left = what_is_left(guest, selection or Selection())
        if before is not None and before.os.type is not OsType.WINDOWS:
            identities += removed_accounts(before.files, guest.files)
        sought = tuple(dict.fromkeys((*identities, *collect(guest))))
        usable = tuple(one for one in sought if not one.is_common)
        is_windows = guest.os.type is OsType.WINDOWS
        found = search(guest.files, usable, since=_age(guest), wide=is_windows)
        traces, stays = _sorted_out(found.traces)
        traces += tuple(_not_generalised(guest)) if is_windows else ()
        return VerifyReport(
            image=request.name,
            engine=image.served_by,
            root=guest.root.device,
            guest=guest.os.product_name or guest.os.distro,
            fit=not left and not traces,
            left=left,
            traces=traces,
            stays=stays,
            searched=SearchRow(len(usable), found.files, found.size, found.passed_over, not found.stopped),
            warnings=(*guest.warnings, *_unsearched(sought, found)),
        )


def _not_generalised(guest: Guest) -> Iterator[TraceRow]:
    """Yield what setup says of a Windows that keeps its SID, which only Microsoft's own sysprep changes."""
    from imgtools.guest.windows.registry import open_registry
    from imgtools.guest.windows.setup_state import GENERALISED, STATE, image_state

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        if (state := image_state(registry)) not in GENERALISED:
            yield TraceRow("setup state", f"not generalised ({state})", registry.place(STATE).path, False)


def _age(guest: Guest) -> int:
    """When the distribution was built, in nanoseconds: what is logged is logged after that."""
    release = "/etc/os-release"
    return guest.files.stat(release).mtime if guest.files.is_file(release) else 0


def _sorted_out(traces: Sequence[Trace]) -> tuple[tuple[TraceRow, ...], tuple[TraceRow, ...]]:
    rows = [TraceRow(one.kind, one.text, one.path, one.in_name, reason_to_stay(one)) for one in traces]
    return tuple(one for one in rows if not one.reason), tuple(one for one in rows if one.reason)


def _unsearched(sought: Sequence[Identity], found: Searched) -> Iterator[Warned]:
    for one in sought:
        if one.is_common:
            yield Warned(f"not searched for: the {one.kind} {one.text} is too short or too common a word")
    if found.stopped:
        yield Warned(f"the search for traces is not complete: {found.stopped}")


def what_is_left(guest: Guest, selection: Selection) -> tuple[OperationReport, ...]:
    """Return the operations that still find something; those that repeat cannot tell and are not asked."""
    shelf = load_shelf(SHELF)
    lasting: dict[str, Shelved] = {n: one for n, one in shelf.items() if not one.operation.repeats}
    chosen = [one for one in choose(shelf, selection) if one.shelved.name in lasting]
    left = (_without_tolerated(guest, one) for one in plan_operations(guest, chosen))
    return tuple(one for one in operation_reports(guest, tuple(left)) if one.changes)


def _without_tolerated(guest: Guest, planned: Planned) -> Planned:
    tolerates = planned.shelved.operation.tolerates
    kept = tuple(change for change in planned.changes if not tolerates(guest, change))
    return Planned(planned.shelved, planned.applies, kept)


def _refuse_left_out(selection: Selection) -> None:
    """Orders with the operation that carries them out left out are a contradiction, not a wish to ignore them."""
    left_out = ",".join(selection.disable).split(",")
    if CUSTOMIZE in left_out or f"-{CUSTOMIZE}" in ",".join(selection.operations).split(","):
        raise UsageError("customizations are asked for, and the operation customize is left out")


def operation_reports(guest: Guest, planned: Sequence[Planned]) -> tuple[OperationReport, ...]:
    """Return what operations do, as reports have it."""
    return tuple(
        OperationReport(
            name=one.shelved.name,
            summary=one.shelved.operation.summary,
            applies=one.applies,
            changes=tuple(_shown(one.changes, guest)),
        )
        for one in planned
    )


def _shown(changes: Sequence[Change], guest: Guest) -> Iterator[PlannedChange]:
    """Yield the changes as a report has them; those of a registry as they are, because a hive is large."""
    registry = [change for change in changes if isinstance(change, RegistryChange)]
    others = [change for change in changes if not isinstance(change, RegistryChange)]
    yield from (describe(change, guest.files) for change in compose(others, guest.files))
    yield from (PlannedChange(change, summarise(change)) for change in registry)
