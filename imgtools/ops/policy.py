"""Policies of an audit: which checks are made, with which parameters, how much each weighs, and what is let be.

:mod:`imgtools.ops.policy_file` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fnmatch import fnmatchcase

from imgtools.errors import UsageError
from imgtools.ops.check import Checked, ChosenCheck, Fix, ShelvedCheck, matching, settings_of
from imgtools.ops.operation import read_params
from imgtools.records.audit import AuditFinding, Level, Result
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class Waiver:
    """A finding that is let be, and why. ``path`` and ``subject`` are patterns; "" is any."""

    check: str
    reason: str
    path: str = ""
    subject: str = ""
    expires: date | None = None  # the last day on which it holds
    place: str = ""  # file and line that say it

    def covers(self, finding: AuditFinding) -> bool:
        """Whether it is about a finding, expired or not."""
        return (
            finding.check == self.check
            and fnmatchcase(finding.path, self.path or "*")
            and fnmatchcase(finding.subject, self.subject or "*")
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """What an audit asks. ``parameters`` are texts, as ``--set`` takes them."""

    name: str
    checks: tuple[str, ...]
    parameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    severities: Mapping[str, Level] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    fail_on: Level = Level.LOW


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """What the command line says about an audit besides its policy."""

    policy: str = "baseline"
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    fail_on: Level | None = None


def choose_checks(
    policy: Policy, choice: PolicyChoice, shelf: Mapping[str, ShelvedCheck]
) -> tuple[ChosenCheck, ...]:
    """Return the checks that are to be made, with their parameters.

    :raises UsageError: the command line names what there is not, or sets a parameter of a check that is not made.
    """
    wanted = set(matching(shelf, _words(choice.only)) if choice.only else policy.checks)
    wanted -= set(matching(shelf, _words(choice.skip)))
    said = settings_of(shelf, choice.settings)
    for name in said:
        if name not in wanted:
            raise UsageError(f"--set {name}: this check is not made", hint=f"add it: --only {name}")
    named = _words(choice.only)
    chosen = []
    for name in (one for one in shelf if one in wanted):
        values = {
            **policy.parameters.get(name, {}),
            **{k.replace("-", "_"): v for k, v in said.get(name, {}).items()},
        }
        params = read_params(name, shelf[name].check.params, values)
        chosen.append(ChosenCheck(shelf[name], params, policy.severities.get(name), name in named))
    return tuple(chosen)


def waive(checked: Checked, waivers: Iterable[Waiver], today: date) -> Checked:
    """Return what a check says with its waived findings apart; with none left, it passes."""
    valid = [one for one in waivers if one.expires is None or one.expires >= today]
    kept: list[tuple[AuditFinding, Fix | None]] = []
    waived: list[AuditFinding] = []
    for finding, fix in zip(checked.report.findings, checked.fixes, strict=True):
        waiver = next((one for one in valid if one.covers(finding)), None)
        if waiver is None:
            kept.append((finding, fix))
        else:
            waived.append(replace(finding, waived=waiver.reason))
    passes = checked.report.result is Result.FAIL and not kept
    report = replace(
        checked.report,
        findings=tuple(finding for finding, _ in kept),
        waived=tuple(waived),
        result=Result.PASS if passes else checked.report.result,
    )
    return Checked(report, tuple(fix for _, fix in kept))


def expired(waivers: Iterable[Waiver], findings: Sequence[AuditFinding], today: date) -> Iterator[Warned]:
    """Yield a warning for each waiver that would cover a finding if it had not expired."""
    for one in waivers:
        if one.expires is not None and one.expires < today and any(map(one.covers, findings)):
            yield Warned(f"the waiver of {one.check} expired on {one.expires}: {one.reason}", one.place)


def _words(texts: Iterable[str]) -> list[str]:
    return [word.strip() for text in texts for word in text.split(",") if word.strip()]
