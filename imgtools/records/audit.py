"""What an audit says of a guest: results of checks, and what they found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding of an audit weighs."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Its place among the levels; the lowest has 0."""
        return list(Level).index(self)


class Result(StrEnum):
    """What is said of a check. ``undecided`` and ``error`` are no failure of the guest, and no praise either."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"
    UNDECIDED = "not decidable offline"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing that a check found. ``text`` says what is wrong, ``evidence`` what is there; no secret is in either.

    ``path`` is a guest path, with the hive's path and a key for a registry; ``line`` counts from 1, 0 where there is
    none. ``subject`` is whom or what it is about where that is no file: an account, a service. ``fixable``: ``--fix``
    puts it right. ``waived``: why the policy lets it be.
    """

    check: str
    severity: Level
    text: str
    path: str = ""
    line: int = 0
    subject: str = ""
    evidence: str = ""
    fixable: bool = False
    advice: str = ""
    waived: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same finding in another audit: its words and its line may differ."""
        return self.check, self.path, self.subject


@dataclass(frozen=True, slots=True)
class AuditedCheck:
    """What a check says of a guest. ``reason`` says why it is not applicable, not decidable or an error."""

    id: str
    title: str
    group: str
    severity: Level
    result: Result
    findings: tuple[AuditFinding, ...] = ()
    waived: tuple[AuditFinding, ...] = ()
    reason: str = ""
    rationale: str = ""
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Since:
    """What changed since another audit: findings that are new, and those that are gone."""

    new: tuple[AuditFinding, ...] = ()
    gone: tuple[AuditFinding, ...] = ()
