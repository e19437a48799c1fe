"""What a check is: one thing that an audit wants of a guest.

A module on the shelf ``ops/checks/`` that says ``CHECK = Check(...)`` *is* the check, as with operations: its file
name is its id, its docstring its rationale, and the first word of its name its group. A check only reads. It yields a
:class:`Flaw` for each thing that is not as it should be, :class:`NotThere` if the guest has nothing that it is about,
:class:`NotKnown` for what nobody can tell offline; one that yields nothing passes.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from imgtools.change.change import Change
from imgtools.errors import (
    BadImage,
    EngineFailed,
    GuestFileError,
    OddGuest,
    ToolMissing,
    UnsupportedGuest,
    UsageError,
)
from imgtools.files.tree import GuestReader
from imgtools.ops.operation import LINUX, Families, NoParams, Params
from imgtools.ops.selection import nearest
from imgtools.ops.station import Examined
from imgtools.records.audit import AuditedCheck, AuditFinding, Level, Result
from imgtools.records.diagnosis import NotKnown, NotThere

# The first words of the checks' ids, and what the group is called where checks are listed. In the order of a report.
GROUPS: Mapping[str, str] = {
    "account": "Accounts",
    "login": "Logging in: PAM, ageing, umask",
    "sudo": "Other users' rights",
    "ssh": "SSH",
    "file": "Files and modes",
    "mount": "Mounts",
    "boot": "Boot loader",
    "kernel": "Kernel",
    "service": "Services",
    "log": "Logging and time",
    "network": "Network and firewall",
    "package": "Packages and updates",
    "mac": "Mandatory access control",
    "template": "Fit to be cloned",
    "secret": "Secrets left behind",
    "trace": "Hints of compromise",
    "windows": "Windows",
}

Look = Callable[[Examined, Params], Iterable["Seen"]]
# Says what should change, in the files as the fixes before it leave them.
Fix = Callable[[GuestReader], Iterable[Change]]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is not as it should be. Fields as in :class:`AuditFinding`; no secret is in any of them.

    ``severity`` is the check's own, if it is None. ``fix`` puts this flaw right, and nothing else; where there is none,
    ``advice`` says what a person does.
    """

    text: str
    path: str = ""
    line: int = 0
    subject: str = ""
    evidence: str = ""
    severity: Level | None = None
    fix: Fix | None = None
    advice: str = ""


Seen = Flaw | NotKnown | NotThere


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is wanted of a guest. ``title`` says it as it should be, one line without a full stop.

    ``references`` are numbers of public controls, without their texts: ``"NIST 800-53 AC-6"``, ``"CIS 5.2.7"``.
    ``params`` is a frozen dataclass with a default for each field, as with operations.
    """

    title: str
    severity: Level
    look: Look
    families: Families = LINUX
    params: type = NoParams
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShelvedCheck:
    """A check with the id and the rationale that its file gives it."""

    id: str
    check: Check
    rationale: str

    @property
    def group(self) -> str:
        """The heading that it is listed under."""
        return GROUPS[self.id.partition("-")[0]]


@dataclass(frozen=True, slots=True)
class ChosenCheck:
    """A check that is to be made: its parameters, and how much what it finds weighs (None: as the check says).

    ``named``: the user asked for it by its id, and wants to know if it is for other guests.
    """

    shelved: ShelvedCheck
    params: Params
    severity: Level | None = None
    named: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check says of a guest, and the fixes of its findings, in their order; None where there is none."""

    report: AuditedCheck
    fixes: tuple[Fix | None, ...] = ()


def load_checks(package: str = "imgtools.ops.checks") -> Mapping[str, ShelvedCheck]:
    """Return the checks of the shelf by id, in the order of the groups."""
    path = importlib.import_module(package).__path__
    names = [info.name for info in pkgutil.iter_modules(path) if not info.name.startswith("_")]
    modules = ((name, importlib.import_module(f"{package}.{name}")) for name in names)
    found = [
        ShelvedCheck(name.replace("_", "-"), module.CHECK, (module.__doc__ or "").strip())
        for name, module in modules
        if hasattr(module, "CHECK")
    ]
    order = list(GROUPS)
    return {
        one.id: one for one in sorted(found, key=lambda one: (order.index(one.id.partition("-")[0]), one.id))
    }


def matching(shelf: Mapping[str, ShelvedCheck], words: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that words name: an id, a pattern (``ssh-*``), or ``all``; in the order of the shelf.

    :raises UsageError: there is no such check; the nearest is named.
    """
    wanted: set[str] = set()
    for word in words:
        pattern = "*" if word == "all" else word
        found = [one for one in shelf if fnmatchcase(one, pattern)]
        if not found:
            # Patterns first: whoever writes "sshd" means a group, and no single check is like it.
            known = [*(f"{group}-*" for group in GROUPS), *shelf]
            raise nearest(f"no such check: {word}", word, known, "see imgtools audit --list")
        wanted.update(found)
    return tuple(one for one in shelf if one in wanted)


def explain_check(shelf: Mapping[str, ShelvedCheck], name: str) -> ShelvedCheck:
    """Return the check of that id.

    :raises UsageError: there is none; the nearest is named.
    """
    if name not in shelf:
        raise nearest(f"no such check: {name}", name, shelf, "see imgtools audit --list")
    return shelf[name]


def check(examined: Examined, chosen: ChosenCheck) -> Checked:
    """Make one check. What it cannot read is an error of that check alone, whatever else it has found."""
    shelved = chosen.shelved
    if not shelved.check.families.include(examined.system):
        return _report(chosen, Result.NOT_APPLICABLE, (), "for another kind of guest")
    seen: list[Seen] = []
    error = ""
    try:
        for one in shelved.check.look(examined, chosen.params):
            seen.append(one)  # one by one: what was found before an error stays
    except (OddGuest, GuestFileError, BadImage, EngineFailed, UnsupportedGuest, ToolMissing) as failed:
        error = failed.message
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as failed:
        # A mistake of ours must not cost the answers of the others, nor look like one.
        error = f"this check does not understand the guest ({type(failed).__name__}: {failed})"
    flaws = tuple(one for one in seen if isinstance(one, Flaw))
    reason = error or "; ".join(dict.fromkeys(one.reason for one in seen if not isinstance(one, Flaw)))
    return _report(chosen, _result(seen, flaws, error), flaws, reason)


def _result(seen: Sequence[Seen], flaws: Sequence[Flaw], error: str) -> Result:
    if error:
        return Result.ERROR
    if flaws:
        return Result.FAIL
    if any(isinstance(one, NotKnown) for one in seen):
        return Result.UNDECIDED
    return Result.NOT_APPLICABLE if seen else Result.PASS


def _report(chosen: ChosenCheck, result: Result, flaws: Sequence[Flaw], reason: str) -> Checked:
    shelved = chosen.shelved
    severity = chosen.severity or shelved.check.severity
    findings = tuple(
        AuditFinding(
            shelved.id,
            chosen.severity or flaw.severity or severity,
            flaw.text,
            flaw.path,
            flaw.line,
            flaw.subject,
            flaw.evidence,
            flaw.fix is not None,
            flaw.advice,
        )
        for flaw in flaws
    )
    report = AuditedCheck(
        id=shelved.id,
        title=shelved.check.title,
        group=shelved.group,
        severity=severity,
        result=result,
        findings=findings,
        reason=reason,
        rationale=shelved.rationale,
        references=shelved.check.references,
    )
    return Checked(report, tuple(flaw.fix for flaw in flaws))


def always(*changes: Change) -> Fix:
    """Return the fix that makes these changes, whatever the files are like by then."""
    return lambda files: changes


def settings_of(shelf: Mapping[str, ShelvedCheck], texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Read ``check.parameter=value``.

    :raises UsageError: it is not of that form, or there is no such check.
    """
    values: dict[str, dict[str, str]] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        name, dot, parameter = place.partition(".")
        if not equals or not dot or not parameter:
            raise UsageError(f"not a setting: {text!r}", hint="write check.parameter=value")
        values.setdefault(explain_check(shelf, name).id, {})[parameter] = value
    return values
