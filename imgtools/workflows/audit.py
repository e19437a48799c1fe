"""Audit a guest: make the checks of a policy offline, and plan, or do, what puts right what they find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from imgtools.change.describe import PlannedChange
from imgtools.errors import RolledBack, UsageError
from imgtools.guest.guest import the_guest
from imgtools.image.handle import Image
from imgtools.ops.check import (
    Checked,
    ChosenCheck,
    Fix,
    ShelvedCheck,
    check,
    explain_check,
    load_checks,
)
from imgtools.ops.policy import Policy, PolicyChoice, choose_checks, expired, waive
from imgtools.ops.policy_file import read_policy, shipped_policies
from imgtools.ops.station import Examined
from imgtools.records.audit import AuditedCheck, AuditFinding, Level, Result, Since
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.system import Warned
from imgtools.workflows.audit_baseline import compare_audits, read_audit
from imgtools.workflows.audit_fixes import plan_fixes
from imgtools.workflows.diagnose import examine
from imgtools.workflows.writing import carry_out, open_for


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit says of a guest, and what ``--fix`` changes, or changed if ``written``.

    Checks for other kinds of guests are left out, unless they were named.
    ``checks`` are in the order of their groups, as the guest is in the end; ``before`` is as it was, where something
    was written. ``clean``: nothing weighs as much as ``fail_on``, and no check failed.
    """

    image: str
    engine: Engine
    root: str
    guest: str
    policy: str
    fail_on: Level
    clean: bool
    checks: tuple[AuditedCheck, ...]
    written: bool = False
    changed: bool = False  # whether there is, or was, anything to change; False where no fix was asked for
    output: str = ""
    changes: tuple[PlannedChange, ...] = ()
    before: tuple[AuditedCheck, ...] = ()
    since: Since | None = None  # what changed since another audit, if one was given
    warnings: tuple[Warned, ...] = ()

    @property
    def findings(self) -> tuple[AuditFinding, ...]:
        """All findings that no policy lets be, in the order of the checks."""
        return tuple(finding for one in self.checks for finding in one.findings)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A check of the shelf."""

    id: str
    title: str
    group: str
    severity: Level
    parameters: tuple[str, ...]
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChecksReport:
    """All checks of the shelf, in the order of their groups, and the policies that come with the tool."""

    checks: tuple[CheckRow, ...]
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckExplained:
    """What a check is about."""

    check: CheckRow
    rationale: str


def list_checks() -> ChecksReport:
    """Return all checks of the shelf."""
    return ChecksReport(tuple(map(_row, load_checks().values())), tuple(shipped_policies()))


def explain_one(name: str) -> CheckExplained:
    """Return what a check is about.

    :raises UsageError: there is no such check.
    """
    shelved = explain_check(load_checks(), name)
    return CheckExplained(_row(shelved), shelved.rationale)


def _row(one: ShelvedCheck) -> CheckRow:
    from dataclasses import fields

    parameters = tuple(field.name for field in fields(one.check.params))
    return CheckRow(one.id, one.check.title, one.group, one.check.severity, parameters, one.check.references)


def audit(
    request: ImageRequest,
    target: Target,
    choice: PolicyChoice | None = None,
    *,
    fix: bool = False,
    baseline: Path | None = None,
    today: date | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Make the checks of a policy; with ``fix`` plan what puts right what they find and, if ``target`` says so, do it.

    What was put right is audited again before it counts.

    :param baseline: the JSON of another audit, which this one is compared with.
    :param today: what ages and expiries are told by.
    :raises UsageError: the policy, a check or a parameter is not as it should be; or there is nothing to write.
    :raises NoGuest: none was found. ManyGuests, KeyNeeded: as :func:`imgtools.guest.guest.the_guest`.
    :raises RolledBack: what was to be put right is still found; nothing was written.
    """
    if not fix and not target.is_dry_run:
        raise UsageError("an audit writes nothing by itself", hint="add --fix to put right what it finds")
    shelf = load_checks()
    choice = choice or PolicyChoice()
    policy = read_policy(choice.policy, shelf)
    chosen = choose_checks(policy, choice, shelf)
    other = None if baseline is None else read_audit(baseline)
    with open_for(request, target) as image:
        asked = _Audit(chosen, policy, today or date.today(), request.root)
        examined, found = asked.look(image, progress)
        report = AuditReport(
            image=image.infos[0].source.name,
            engine=image.served_by,
            root=examined.system.root.device,
            guest=examined.system.os.product_name or examined.system.os.distro,
            policy=policy.name,
            fail_on=choice.fail_on or policy.fail_on,
            clean=False,
            checks=_reports(found),
            warnings=(*examined.system.warnings, *asked.warnings(found)),
        )
        if fix:
            report = _fixed(image, asked, examined, found, target, report, progress)
    since = None if other is None else compare_audits(other, report.checks)
    return replace(report, clean=_is_clean(report.checks, report.fail_on), since=since)


class _Audit:
    """The checks of one audit, made as often as it takes."""

    def __init__(self, chosen: Sequence[ChosenCheck], policy: Policy, today: date, root: str | None) -> None:
        self.chosen = chosen
        self._policy = policy
        self._today = today
        self._root = root

    def look(self, image: Image, progress: Progress | None = None) -> tuple[Examined, tuple[Checked, ...]]:
        """Make all checks of the guest in an image.

        :raises NoGuest: there is none that can be read.
        """
        examined = replace(examine(image, self._root), today=self._today)
        if examined.guest is None:
            the_guest(image, self._root)  # says why
        found: list[Checked] = []
        for number, one in enumerate(self.chosen):
            if progress is not None:
                progress(number, len(self.chosen))
            if not one.named and not one.shelved.check.families.include(examined.system):
                continue
            found.append(waive(check(examined, one), self._policy.waivers, self._today))
        return examined, tuple(found)

    def warnings(self, found: Iterable[Checked]) -> tuple[Warned, ...]:
        """Return what is to be said of the policy."""
        findings = [finding for one in found for finding in one.report.findings]
        return tuple(expired(self._policy.waivers, findings, self._today))


def _reports(found: Iterable[Checked]) -> tuple[AuditedCheck, ...]:
    return tuple(one.report for one in found)


def _is_clean(checks: Iterable[AuditedCheck], fail_on: Level) -> bool:
    return not any(
        one.result is Result.ERROR or any(each.severity.rank >= fail_on.rank for each in one.findings)
        for one in checks
    )


def _fixed(
    image: Image,
    asked: _Audit,
    examined: Examined,
    found: tuple[Checked, ...],
    target: Target,
    report: AuditReport,
    progress: Progress | None,
) -> AuditReport:
    """Plan the fixes of what was found, or do them, and say so in the report."""
    warnings: list[Warned] = []
    changes = plan_fixes(examined.system, _each_fix(found), warnings).changes
    after: list[Checked] = []

    def prove(edited: Image) -> None:
        after.extend(asked.look(edited)[1])
        if left := _still_found(found, after):
            raise RolledBack(
                f"{left[0].check} is still found after the fix: {left[0].text}",
                hint=f"the image is as it was; --skip {left[0].check} leaves it out",
            )

    done = carry_out(
        image, changes, examined.system, target, warnings=warnings, progress=progress, proof=prove
    )
    written = done.written and done.changed
    return replace(
        report,
        engine=done.engine,
        checks=_reports(after) if written else report.checks,
        written=done.written,
        changed=done.changed,
        output=done.output,
        changes=done.changes,
        before=report.checks if written else (),
        warnings=tuple(dict.fromkeys((*report.warnings, *done.warnings))),
    )


def _each_fix(found: Iterable[Checked]) -> Iterator[tuple[AuditFinding, Fix]]:
    for one in found:
        for finding, fix in zip(one.report.findings, one.fixes, strict=True):
            if fix is not None:
                yield finding, fix


def _still_found(before: Iterable[Checked], after: Iterable[Checked]) -> list[AuditFinding]:
    """Return what was to be put right and was not: as many of a kind have to be gone as had a fix."""
    had = [finding for one in before for finding in one.report.findings]
    has = [finding for one in after for finding in one.report.findings]
    allowed = Counter(one.key for one in had if not one.fixable)
    meant = {one.key for one in had if one.fixable}
    count = Counter(one.key for one in has)
    return [one for one in has if one.key in meant and count[one.key] > allowed[one.key]]
