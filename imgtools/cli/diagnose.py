"""imgtools diagnose."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.report_files import ReportFiles, require_reports
from imgtools.cli.output.views import Column, Lines, Table, View

if TYPE_CHECKING:
    from imgtools.records.diagnosis import Evidence, Finding
    from imgtools.workflows.diagnose import DiagnoseReport

SECTION = "Repair a guest"
EXAMPLES = (
    "imgtools diagnose disk.qcow2",
    "imgtools diagnose disk.qcow2 --json",
    "imgtools diagnose disk.qcow2 --only init",
    "imgtools diagnose disk.qcow2 --from-serial console.log",
    "imgtools diagnose disk.qcow2 --report why.html",
    "imgtools diagnose --explain init-missing",
    "imgtools diagnose --list",
)
NOTES = """
The way from power-on to login is walked as the machine would go it, without starting it: partition table, firmware,
boot loader, menu, kernel, initial RAM disk, filesystems, init, accounts, logs. Each station is `sound`, `broken`,
`suspicious`, `not there` (this machine has none) or `not known` (it cannot be told offline, and why). The first finding
at the first broken station is the likely cause: what comes after it may be fine, and was never reached.

`--from-serial FILE` takes what the machine's serial console showed as evidence too, of its last boot in FILE: its lines
stand below what is found offline, and what only the console tells is the station `console`.

`--report FILE.html` also writes it as one file that needs no other; `.csv` is for spreadsheets.

Exit code 0 if nothing was found, 1 if something was. Under each finding stands what shows it, and the repair that mends
it, or what a person has to do. `imgtools repair DISK --auto` does what was found with high confidence.

A disk beside the guest's that was not cleanly unmounted may hold another guest: the appliance is booted to look, and of
two you have to choose one. With `--root /dev/sda3` the guest is chosen already, and nothing is booted.
"""
STYLES = {"broken": "red", "suspicious": "yellow"}


def _list_stations(wanted: bool) -> None:
    """Print the shelf; an eager option, so that no image is needed."""
    if not wanted:
        return
    import sys

    from imgtools.workflows.diagnose import list_stations

    report = list_stations()
    rows = [(one.name, one.summary) for one in report.stations]
    Output(json="--json" in sys.argv).show(
        report,
        schema="imgtools.diagnose-list/1",
        view=lambda: Table((Column("Station", style="bold"), Column("Looks at", prose=True)), rows),
    )
    raise typer.Exit


def _explain(name: str | None) -> None:
    """Print what a station or a finding is; no image is needed."""
    if name is None:
        return
    import sys

    from imgtools.workflows.diagnose import explain

    report = explain(name)
    Output(json="--json" in sys.argv).show(
        report, schema="imgtools.diagnose-explain/1", view=lambda: Lines(report.text.splitlines())
    )
    raise typer.Exit


Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="LIST", help="Only these stations. Without it, all of them."),
]
Thorough = Annotated[
    bool,
    typer.Option("--thorough", help="Run the checkers of filesystems too, read only; takes longer."),
]
FromSerial = Annotated[
    Path | None,
    typer.Option(
        "--from-serial",
        metavar="FILE",
        help="What its console showed, as text: evidence too. - reads it from standard input.",
    ),
]
Explain = Annotated[
    str | None,
    typer.Option(
        "--explain",
        metavar="ID",
        callback=_explain,
        is_eager=True,
        help="Say what a finding means; no image needed.",
    ),
]
ListStations = Annotated[
    bool,
    typer.Option(
        "--list", callback=_list_stations, is_eager=True, help="List the stations; no image needed."
    ),
]


def command(
    source: Source,
    out: Output,
    only: Only = None,
    thorough: Thorough = False,
    from_serial: FromSerial = None,
    report_files: ReportFiles = None,
    explain: Explain = None,
    list_stations: ListStations = False,
) -> None:
    """Say why a guest does not boot, and what mends it.

    Nothing is written, and nothing is started. Exit code 1 if something was found.
    """
    from imgtools.reports.audit_files import TABLE_KINDS, page_writers
    from imgtools.reports.page import page_of_diagnosis
    from imgtools.workflows.diagnose import diagnose

    report_to = require_reports(report_files, TABLE_KINDS)
    with out.progress("Looking") as progress:
        report = diagnose(
            source, tuple(only or ()), thorough=thorough, from_serial=from_serial, progress=progress
        )
    out.show(
        report,
        schema="imgtools.diagnose/1",
        view=lambda: _views(report),
        pipe=lambda: _rows(report),
    )
    report_to(source, lambda: page_writers(page_of_diagnosis(report)), out)
    if not report.sound:
        raise typer.Exit(1)


def _rows(report: DiagnoseReport) -> Table:
    """A row a finding, for a pipe."""
    rows = [
        (station.name, one.severity, one.confidence, one.id, _places(one), _cure(report, one), one.text)
        for station in report.stations
        for one in station.findings
    ]
    return Table(
        ("Station", "State", "Confidence", "Finding", "Where", "Mended by", Column("What", prose=True)), rows
    )


def _views(report: DiagnoseReport) -> list[View]:
    head = f"{report.guest} on {report.root}" if report.guest else "no guest that can be read"
    states = [(one.name, one.state, one.reason or _ids(one.findings)) for one in report.stations]
    columns = (Column("Station", style="bold"), Column("State"), Column("", prose=True))
    lines = [line for one in report.findings for line in _told(report, one)]
    return [Lines([head, ""]), Table(columns, states), Lines([*lines, "", _verdict(report)])]


def _ids(findings: tuple[Finding, ...]) -> str:
    return ", ".join(dict.fromkeys(one.id for one in findings))


def _told(report: DiagnoseReport, one: Finding) -> Iterator[str]:
    yield ""
    sure = "" if one.confidence == "high" else f", confidence {one.confidence}"
    yield f"{one.id} ({one.severity}{sure}): {one.text}"
    yield from (f"    {_place(each)}{': ' if each.text else ''}{each.text}" for each in one.evidence)
    if cure := _cure(report, one):
        yield f"  mended by: {cure}"
    if one.advice:
        yield f"  to do: {one.advice}"


def _place(one: Evidence) -> str:
    return f"{one.path}:{one.line}" if one.line else one.path


def _places(one: Finding) -> str:
    return ", ".join(map(_place, one.evidence))


def _cure(report: DiagnoseReport, one: Finding) -> str:
    """The command that mends a finding."""
    if one.remedy is None:
        return ""
    sets = (f"--set {shlex.quote(f'{one.remedy.repair}.{setting}')}" for setting in one.remedy.settings)
    return " ".join(["imgtools repair", shlex.quote(report.image), "--only", one.remedy.repair, *sets])


def _verdict(report: DiagnoseReport) -> str:
    if report.likely_cause:
        return f"Likely cause: {report.likely_cause}"
    unknown = [one.name for one in report.stations if one.state == "not known"]
    if report.sound:
        rest = f"; not known: {', '.join(unknown)}" if unknown else ""
        return f"Nothing was found{rest}."
    return "Nothing that stops it was found, but see above."
