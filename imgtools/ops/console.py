"""What a captured console says, as a station beside those that are looked at offline."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from imgtools.guest.boot.console import Cause, ConsoleReading, Verdict, read_console
from imgtools.ops.station import StationReport
from imgtools.records.diagnosis import Confidence, Evidence, Finding, Severity, StationState

NAME = "console"
SUMMARY = "What the captured console says"
SHOWN = 3  # lines of each cause
# Ways to end well: what the console complained of before was got over.
WELL = (Verdict.LOGIN, Verdict.TARGET, Verdict.WINDOWS_LOGON, Verdict.GRAPHICAL)


def with_console(
    stations: Sequence[StationReport], text: str, name: str, explained: Collection[str] = ()
) -> tuple[StationReport, ...]:
    """Return the stations with what a console says: evidence of a cause that is known, or a finding of its own.

    :param text: what the console showed, control sequences and all.
    :param name: of the file that it is from.
    :param explained: the causes that ``--explain`` knows.
    """
    reading = read_console(text)
    told = _by_cause(reading.causes)
    merged = tuple(_with_evidence(one, told, name) for one in stations)
    known = {finding.id for one in stations for finding in one.findings}
    findings = tuple(
        _finding(cause, told[cause], name, reading, cause in explained)
        for cause in told
        if cause not in known
    )
    return (
        *merged,
        StationReport(NAME, SUMMARY, _state(reading, told), findings, _reason(reading, told, known)),
    )


def _by_cause(causes: Sequence[Cause]) -> dict[str, list[Cause]]:
    found: dict[str, list[Cause]] = {}
    for one in causes:
        found.setdefault(one.id, []).append(one)
    return found


def _with_evidence(station: StationReport, told: Mapping[str, Sequence[Cause]], name: str) -> StationReport:
    findings = tuple(
        replace(one, evidence=(*one.evidence, *_evidence(told.get(one.id, ()), name)))
        for one in station.findings
    )
    return replace(station, findings=findings)


def _evidence(causes: Sequence[Cause], name: str) -> tuple[Evidence, ...]:
    return tuple(Evidence(name, one.line_number, one.line) for one in causes[:SHOWN])


def _finding(
    cause: str, lines: Sequence[Cause], name: str, reading: ConsoleReading, is_explained: bool
) -> Finding:
    return Finding(
        cause,
        f"the console says so: {lines[0].line}",
        Severity.SUSPICIOUS if reading.verdict in WELL else Severity.BROKEN,
        Confidence.MEDIUM,
        _evidence(lines, name),
        advice=f"see imgtools diagnose --explain {cause}" if is_explained else "",
    )


def _state(reading: ConsoleReading, told: Mapping[str, Sequence[Cause]]) -> StationState:
    if told:
        return StationState.SUSPICIOUS if reading.verdict in WELL else StationState.BROKEN
    return StationState.SOUND if reading.verdict in WELL else StationState.UNKNOWN


def _reason(reading: ConsoleReading, told: Mapping[str, Sequence[Cause]], known: set[str]) -> str:
    """How far the boot came and how it ended, and which of its causes another station has."""
    ended = f"; it ended: {reading.verdict}" if reading.verdict is not Verdict.NONE else ""
    others = ", ".join(one for one in told if one in known)
    return f"the boot came to: {reading.stage}{ended}" + (f"; it shows {others} too" if others else "")
