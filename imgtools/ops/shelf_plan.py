"""Plan with several operations: who wants what, and what is left when two want the same path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.change.change import (
    Change,
    CheckFilesystem,
    DiscardHibernation,
    NewLvmUuids,
    RegistryChange,
    Relabel,
    Remove,
    RunInGuest,
    SetUuid,
    WriteDisk,
)
from imgtools.change.compose import compose
from imgtools.change.contradictions import true_path
from imgtools.change.sequence import ChangeSequence
from imgtools.errors import UnsupportedGuest
from imgtools.guest.guest import Guest
from imgtools.ops.operation import Shelved
from imgtools.ops.selection import Chosen

# In which order a machine needs what is not in files; files come behind new UUIDs, before programs.
_RANKS = {
    DiscardHibernation: 0,
    WriteDisk: 1,
    CheckFilesystem: 2,
    SetUuid: 3,
    RunInGuest: 5,
    Relabel: 6,
    NewLvmUuids: 7,
}
FILES = 4
NOT_IN_FILES = tuple(_RANKS)
# What the user asks for comes after what operations do of themselves, and is not overruled by them.
LAST = ("customize", "script")


@dataclass(frozen=True, slots=True)
class Planned:
    """What one operation wants. ``applies`` is False if it is not for this guest."""

    shelved: Shelved
    applies: bool
    changes: tuple[Change, ...] = ()


def plan_operations(
    guest: Guest, chosen: Sequence[Chosen], *, leave_out: str = "--operations defaults,-{}"
) -> tuple[Planned, ...]:
    """Ask every operation what it wants; edits that change nothing are left out, and operations for other systems.

    :param leave_out: how a person leaves an operation out.
    :raises UnsupportedGuest: an operation that the user named is not for this guest.
    :raises OddGuest: a file of the guest that an operation has to understand does not parse.
    """
    ordered = sorted(chosen, key=lambda one: one.shelved.name in LAST)
    asked = (one for one in ordered if one.named or _is_of_its_kind(guest, one.shelved))
    planned = [_plan_one(guest, one, leave_out) for one in asked]
    return tuple(_without_what_goes(guest, planned))


def _is_of_its_kind(guest: Guest, shelved: Shelved) -> bool:
    """Whether an operation is for guests of this kind of system; of one for others nobody asks what it would do."""
    return guest.os.type in shelved.operation.families.types


def _plan_one(guest: Guest, chosen: Chosen, leave_out: str) -> Planned:
    operation = chosen.shelved.operation
    included = operation.families.include(guest)
    lacking = operation.lacking(guest) if included else ""
    if not included or lacking:
        if chosen.named:
            why = f": it has {lacking}" if lacking else ""
            raise UnsupportedGuest(
                f"the operation {chosen.shelved.name} is not for {guest.os.product_name or guest.os.distro}{why}",
                hint=f"leave it out: {leave_out.format(chosen.shelved.name)}",
            )
        return Planned(chosen.shelved, False)
    wanted = tuple(operation.plan(guest, chosen.params))
    # Settled only to see whether an edit changes anything; edits of several operations compose later.
    # What changes a registry was looked up in it, and a hive is large.
    changes = tuple(
        change for change in wanted if isinstance(change, RegistryChange) or compose([change], guest.files)
    )
    return Planned(chosen.shelved, True, changes)


def _without_what_goes(guest: Guest, planned: Sequence[Planned]) -> Iterator[Planned]:
    """Drop the edits of files that another operation removes: they would make the file again."""
    removals = {
        one.shelved.name: {_end(change) for change in one.changes if isinstance(change, Remove)}
        for one in planned
    }
    for one in planned:
        if one.shelved.name in LAST:
            yield one
            continue
        others = set().union(*(paths for name, paths in removals.items() if name != one.shelved.name))
        kept = (change for change in one.changes if not _goes(guest, change, others))
        yield Planned(one.shelved, one.applies, tuple(kept))


def _end(removal: Remove) -> str:
    """The path that is gone after a removal; with ``contents_only`` whatever begins with it and a slash."""
    return removal.path + "/" if removal.contents_only else removal.path


def _goes(guest: Guest, change: Change, gone: set[str]) -> bool:
    path = getattr(change, "path", "")
    if isinstance(change, Remove) or not path or not gone:
        return False
    here = true_path(change, guest.files)
    if here in gone:
        return True
    while here != "/":
        above = here.rpartition("/")[0] or "/"
        if above in gone or above.rstrip("/") + "/" in gone:
            return True
        here = above
    return False


def all_changes(planned: Sequence[Planned]) -> tuple[Change, ...]:
    """Return the changes of all operations, each said once, in the order they are to be made.

    Those of volumes come last: nothing may be mounted for them, and what is in files is then mounted once. But nothing
    is written to a volume before what is hibernated on it is gone.
    """
    changes = dict.fromkeys(change for one in planned for change in one.changes)
    first = sorted(changes, key=lambda change: not isinstance(change, DiscardHibernation))
    return tuple(sorted(first, key=lambda change: isinstance(change, (NewLvmUuids, SetUuid))))


def repairs_in_order(
    planned: Sequence[Planned], sequence: ChangeSequence | None = None
) -> tuple[Change, ...]:
    """Return the changes of all repairs, each said once, in the order in which a machine needs them.

    Tables first, then filesystems and their UUIDs, then what is in files; programs of the guest run when all that is
    there.

    :param sequence: has taken the changes of files, if each repair was planned on what those before it leave.
    """
    changes = list(dict.fromkeys(change for one in planned for change in one.changes))
    if sequence is not None:
        changes = [*sequence.changes, *(one for one in changes if isinstance(one, NOT_IN_FILES))]
    return tuple(sorted(changes, key=lambda change: _RANKS.get(type(change), FILES)))
