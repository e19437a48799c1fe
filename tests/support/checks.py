"""Checks of an audit on guests in memory: what they find, and what their fixes leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from imgtools.ops.check import ChosenCheck, ShelvedCheck, check, load_checks
from imgtools.ops.operation import read_params
from imgtools.ops.station import Examined
from imgtools.records.audit import AuditedCheck, Result
from imgtools.records.system import OsType, Warned
from imgtools.workflows.audit_fixes import plan_fixes
from tests.support.memory import Content
from tests.support.stations import examined_of
from tests.support.windows import windows_examined

SHELF = load_checks()
TODAY = date(2026, 6, 1)


class Case(NamedTuple):
    """A guest on which a check finds something, and one on which it finds nothing.

    ``finds`` are places: ``path``, ``path:line`` or ``path subject``, in the order of the findings. ``fixed`` says
    whether its fixes leave nothing to find.
    """

    id: str
    bad: Mapping[str, Content]
    finds: tuple[str, ...]
    good: Mapping[str, Content] = {}
    fixed: bool = False
    set: Mapping[str, str] = {}
    os: Mapping[str, Any] = {}

    @property
    def shelved(self) -> ShelvedCheck:
        return SHELF[self.id]


def chosen(case: Case) -> ChosenCheck:
    """The check of a case, with its parameters."""
    return ChosenCheck(case.shelved, read_params(case.id, case.shelved.check.params, case.set))


def audited(files: Mapping[str, Content], **os: Any) -> Examined:
    """A guest in memory, on the day of the tests."""
    is_windows = os.get("type") is OsType.WINDOWS
    examined = windows_examined(files, **os) if is_windows else examined_of(files, **os)
    return replace(examined, today=TODAY)


def report_of(case: Case, files: Mapping[str, Content]) -> AuditedCheck:
    """What the check of a case says of a guest with these files."""
    return check(audited(files, **case.os), chosen(case)).report


def places(report: AuditedCheck) -> tuple[str, ...]:
    """Where findings are."""
    return tuple(
        f"{one.path}{f':{one.line}' if one.line else ''} {one.subject}".strip() for one in report.findings
    )


def report_after_fixes(case: Case) -> AuditedCheck:
    """What the check says when the fixes of all it found have been made, one after the other."""
    examined = audited(case.bad, **case.os)
    found = check(examined, chosen(case))
    each = zip(found.report.findings, found.fixes, strict=True)
    refused: list[Warned] = []
    fixes = [(finding, fix) for finding, fix in each if fix is not None]
    files = plan_fixes(examined.system, fixes, refused).files
    assert not refused, refused
    mended = replace(examined, guest=replace(examined.system, files=files), _facts={})
    return check(mended, chosen(case)).report


def hold(case: Case) -> None:
    """Hold a check to its case: it finds, it is silent, and its fixes make it silent."""
    found = report_of(case, case.bad)
    assert (found.result, places(found)) == (Result.FAIL, case.finds), found
    quiet = report_of(case, case.good)
    assert quiet.result in (Result.PASS, Result.NOT_APPLICABLE), quiet
    assert all(one.fixable for one in found.findings) is case.fixed, found
    if case.fixed:
        after = report_after_fixes(case)
        assert after.result in (Result.PASS, Result.NOT_APPLICABLE), after
