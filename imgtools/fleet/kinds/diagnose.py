"""Why guests do not boot: the stations from power-on to login, and what was found at them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from imgtools.fleet.kind import Kind, Table
from imgtools.records.diagnosis import Evidence, Finding
from imgtools.workflows.diagnose import DiagnoseReport, diagnose


class DiagnosisRow(NamedTuple):
    """A guest; ``likely_cause`` is the ID of the first finding at the first broken station, or nothing."""

    root: str
    guest: str
    sound: bool
    likely_cause: str


class StationOfWay(NamedTuple):
    """A station: sound, broken, suspicious, not there, not known."""

    station: str
    state: str
    reason: str
    findings: int


class BootFinding(NamedTuple):
    """One thing that is wrong, and the first of what shows it; ``repair`` mends it, or ``advice`` says what does."""

    station: str
    finding: str
    severity: str
    confidence: str
    text: str
    path: str
    line: int
    evidence: str
    repair: str
    settings: str
    advice: str


def _rows(report: DiagnoseReport) -> Iterator[tuple[Any, ...]]:
    yield DiagnosisRow(report.root, report.guest, report.sound, report.likely_cause)
    for one in report.stations:
        yield StationOfWay(one.name, one.state.value, one.reason, len(one.findings))
        for finding in one.findings:
            yield _finding(one.name, finding)


def _finding(station: str, one: Finding) -> BootFinding:
    first = one.evidence[0] if one.evidence else Evidence("")
    return BootFinding(
        station=station,
        finding=one.id,
        severity=one.severity.value,
        confidence=one.confidence.value,
        text=one.text,
        path=first.path,
        line=first.line,
        evidence=first.text,
        repair=one.remedy.repair if one.remedy else "",
        settings=" ".join(one.remedy.settings) if one.remedy else "",
        advice=one.advice,
    )


KIND = Kind(
    ask=diagnose,
    rows=_rows,
    code=lambda report: int(not report.sound),
    tables={
        "diagnoses": Table(DiagnosisRow, ("root",)),
        "stations": Table(StationOfWay, ("station",)),
        "boot_findings": Table(BootFinding, ("station", "finding", "path", "line")),
    },
)
