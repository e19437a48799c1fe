"""The fixes of an audit's findings as one plan, each planned on the files as those before it leave them.

A fix of a Linux guest is a step of its own. Editing a hive means writing and reading back all of it, so those of a
Windows guest are gathered, until one wants a value that another has set: the flags of an account, the policy of
passwords, which are some bytes of one value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from imgtools.change.change import Change, RegistryChange
from imgtools.change.sequence import ChangeSequence
from imgtools.errors import GuestFileError, OddGuest, UnsupportedGuest
from imgtools.guest.guest import Guest
from imgtools.ops.check import Fix
from imgtools.records.audit import AuditFinding
from imgtools.records.system import OsType, Warned
from imgtools.workflows.hive_logs import with_hive_logs

FAILED = (OddGuest, GuestFileError, UnsupportedGuest)


def plan_fixes(
    guest: Guest, fixes: Iterable[tuple[AuditFinding, Fix]], warnings: list[Warned]
) -> ChangeSequence:
    """Return the changes of all fixes; one that cannot be planned is a warning."""
    if guest.os.type is OsType.WINDOWS:
        return _planned_for_windows(guest, fixes, warnings)
    sequence = ChangeSequence(guest.files)
    for finding, fix in fixes:
        try:
            sequence.add(fix(sequence.files))
        except FAILED as error:
            warnings.append(_not_put_right(finding, error.message))
    return sequence


def _planned_for_windows(
    guest: Guest, fixes: Iterable[tuple[AuditFinding, Fix]], warnings: list[Warned]
) -> ChangeSequence:
    sequence = ChangeSequence(guest.files)
    gathered: list[Change] = []

    def flush() -> None:
        sequence.add(with_hive_logs(replace(guest, files=sequence.files), gathered))
        gathered.clear()

    for finding, fix in fixes:
        try:
            changes = [one for one in fix(sequence.files) if one not in gathered]
            if _wanted(changes) & _wanted(gathered):
                flush()
                changes = list(fix(sequence.files))
        except FAILED as error:
            warnings.append(_not_put_right(finding, error.message))
            continue
        gathered += changes
    flush()
    return sequence


def _wanted(changes: Iterable[Change]) -> set[tuple[str, str, str]]:
    """Return the values, and the files that are no hives, that changes are about."""
    return {
        (
            getattr(one, "path", ""),
            getattr(one, "key", "").casefold() if isinstance(one, RegistryChange) else "",
            getattr(one, "name", "").casefold() if isinstance(one, RegistryChange) else "",
        )
        for one in changes
    }


def _not_put_right(finding: AuditFinding, why: str) -> Warned:
    return Warned(f"{finding.check} is not put right: {why}", finding.path)
