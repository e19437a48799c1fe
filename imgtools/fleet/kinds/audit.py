"""What the checks of an audit say of every guest, and what they found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from imgtools.fleet.kind import Kind, Table, row_of
from imgtools.records.audit import AuditFinding
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.audit import AuditReport, audit


class CheckRow(NamedTuple):
    """What a check says of a guest: pass, fail, not applicable, not decidable offline, error."""

    check_id: str
    title: str
    check_group: str
    severity: str
    severity_rank: int  # 0 is the lowest
    result: str
    findings: int
    reason: str


class FindingRow(NamedTuple):
    """One thing that a check found; no secret is in it. ``waived``: why the policy lets it be."""

    check_id: str
    severity: str
    severity_rank: int  # 0 is the lowest
    text: str
    path: str
    line: int
    subject: str
    evidence: str
    fixable: bool
    waived: str


def _ask(request: ImageRequest) -> AuditReport:
    return audit(request, Target())


def _rows(report: AuditReport) -> Iterator[tuple[Any, ...]]:
    for one in report.checks:
        yield CheckRow(
            one.id, one.title, one.group, one.severity.value, one.severity.rank, one.result.value,
            len(one.findings), one.reason,
        )  # fmt: skip
        for finding in (*one.findings, *one.waived):
            yield _finding(finding)


def _finding(one: AuditFinding) -> FindingRow:
    return row_of(
        FindingRow, one, check_id=one.check, severity=one.severity.value, severity_rank=one.severity.rank
    )


KIND = Kind(
    ask=_ask,
    rows=_rows,
    code=lambda report: int(not report.clean),
    tables={
        "checks": Table(CheckRow, ("check_id",)),
        "findings": Table(FindingRow, ("check_id", "path", "subject")),
    },
)
