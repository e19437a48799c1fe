"""imgtools audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import EachSource, Output, Target
from imgtools.cli.command.several import Rules
from imgtools.cli.output.operations import change_lines, say_closing
from imgtools.cli.output.oscap import (
    Oscap,
    OscapAsked,
    OscapReportFile,
    OscapResults,
    Profile,
    oscap_rows,
    oscap_view,
)
from imgtools.cli.output.report_files import ReportFiles, require_reports
from imgtools.cli.output.views import Column, Lines, Table, View
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.records.audit import AuditedCheck, AuditFinding, Level
    from imgtools.workflows.audit import AuditReport

SECTION = "Audit a guest"
EXAMPLES = (
    "imgtools audit disk.qcow2",
    "imgtools audit disk.qcow2 --policy server --fail-on high",
    "imgtools audit disk.qcow2 --only 'ssh-*,account-*' -v",
    "imgtools audit disk.qcow2 --policy ours.yaml --json > audit.json",
    "imgtools audit disk.qcow2 --baseline audit.json",
    "imgtools audit disk.qcow2 --report audit.html --report audit.sarif",
    "imgtools audit disk.qcow2 --fix",
    "imgtools audit disk.qcow2 --fix --only file-shadow-mode --write",
    "imgtools audit disk.qcow2 --oscap ssg-debian12-ds.xml --profile standard",
    "imgtools audit --list",
    "imgtools audit --explain file-shadow-mode",
)
SEVERAL = Rules(
    one_image=("--fix", "--write", "--output", "--baseline", "--report", "--oscap-results", "--oscap-report")
)
NOTES = """
Nothing of the guest is run: every check reads its files. A check passes, fails, does not apply to the guest, cannot be
decided offline (and why), or met an error, which is told and ends no other. What is found is listed by group, the
heaviest first; `-v` shows what is there, and what puts it right.

`--policy` chooses the checks, their parameters and how much each weighs, and lets findings be, for a reason and until
a day: [policies](../audit.md#policies). `baseline`, `server`, `template` and `windows` come with the tool; without it,
it is `baseline`. `--only` and `--skip` take ids and patterns.

`--fix` shows the plan of what puts right what was found; with `--write` or `--output` all of it is one transaction, and
the result is audited again before it counts (exit code 42 if a fix did not help). Fixes are for what can be told from
the disk alone; for the rest stands what a person does.

`--baseline FILE` compares with the JSON of another audit: what is new, and what is gone.

`--report FILE` also writes it into a file: `.html` (one file that needs no other, to filter and sort), `.sarif`
(2.1.0), `.xml` (JUnit), `.csv`. An earlier report of that name gives way, another file does not (exit code 15).

`--oscap DATASTREAM --profile PROFILE` has OpenSCAP look instead, by content of others: [what of it works
offline](../audit-oscap.md). Exit code 24 if nearly nothing of the content is for the guest.

Exit code 0 if nothing was found that weighs as much as `--fail-on` (else the policy's, else `low`) and no check met an
error, 1 otherwise.
"""


def _list_checks(wanted: bool) -> None:
    """Print the shelf; an eager option, so that no image is needed."""
    if not wanted:
        return
    import sys

    from imgtools.workflows.audit import list_checks

    report = list_checks()
    rows = [(one.id, one.severity, one.title) for one in report.checks]
    columns = (Column("Check", style="bold"), Column("Severity"), Column("What is wanted", prose=True))
    Output(json="--json" in sys.argv).show(
        report, schema="imgtools.audit-list/1", view=lambda: Table(columns, rows)
    )
    raise typer.Exit


def _explain(name: str | None) -> None:
    """Print what a check is about; no image is needed."""
    if name is None:
        return
    import sys

    from imgtools.workflows.audit import explain_one

    report = explain_one(name)
    lines = [
        f"{report.check.id} ({report.check.severity}): {report.check.title}",
        "",
        *report.rationale.splitlines(),
    ]
    if report.check.parameters:
        lines += ["", f"Parameters: {', '.join(report.check.parameters)}"]
    if report.check.references:
        lines += ["", f"See {', '.join(report.check.references)}"]
    Output(json="--json" in sys.argv).show(
        report, schema="imgtools.audit-explain/1", view=lambda: Lines(lines)
    )
    raise typer.Exit


PolicyOption = Annotated[
    str, typer.Option("--policy", metavar="NAME|FILE", help="baseline, server, template, windows, or a file.")
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="LIST", help="Only these checks: ids and patterns.")
]
Skip = Annotated[
    list[str] | None, typer.Option("--skip", metavar="LIST", help="Not these checks: ids and patterns.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="CHECK.PARAMETER=VALUE", help="Set a parameter of a check."),
]
FailOn = Annotated[
    str | None,
    typer.Option("--fail-on", metavar="SEVERITY", help="low, medium, high, critical: from where on it is 1."),
]
Fix = Annotated[bool, typer.Option("--fix", help="Plan what puts right what is found; --write does it.")]
Baseline = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="FILE", help="The JSON of another audit: say what changed since."),
]
Explain = Annotated[
    str | None,
    typer.Option(
        "--explain",
        metavar="ID",
        callback=_explain,
        is_eager=True,
        help="Say what a check is about; no image needed.",
    ),
]
ListChecks = Annotated[
    bool,
    typer.Option("--list", callback=_list_checks, is_eager=True, help="List the checks; no image needed."),
]


def command(
    source: EachSource,
    target: Target,
    out: Output,
    policy: PolicyOption = "baseline",
    only: Only = None,
    skip: Skip = None,
    settings: Settings = None,
    fail_on: FailOn = None,
    fix: Fix = False,
    baseline: Baseline = None,
    report_files: ReportFiles = None,
    oscap: Oscap = None,
    profile: Profile = None,
    oscap_results: OscapResults = None,
    oscap_report: OscapReportFile = None,
    explain: Explain = None,
    list_checks: ListChecks = False,
) -> None:
    """Check a guest against a policy, and put right what is found.

    Nothing of the guest is run. Exit code 1 if something was found.
    """
    from imgtools import __version__
    from imgtools.ops.policy import PolicyChoice
    from imgtools.reports.audit_files import AUDIT_KINDS, audit_writers
    from imgtools.workflows.audit import audit

    asked = OscapAsked(oscap, profile, oscap_results, oscap_report)
    own: dict[str, object] = {"--policy": policy != "baseline", "--only": only, "--skip": skip, "--fix": fix}
    own |= {"--set": settings, "--fail-on": fail_on, "--baseline": baseline, "--report": report_files}
    if asked.refuse(own | {"--write": target.write, "--output": target.output}):
        _by_oscap(source, asked, out)
        return
    report_to = require_reports(report_files, AUDIT_KINDS)
    choice = PolicyChoice(
        policy, tuple(only or ()), tuple(skip or ()), tuple(settings or ()), _level(fail_on)
    )
    with out.progress("Checking") as progress:
        report = audit(source, target, choice, fix=fix, baseline=baseline, progress=progress)
    out.show(
        report,
        schema="imgtools.audit/1",
        view=lambda: _views(report, verbose=out.verbose),
        pipe=lambda: _rows(report),
    )
    report_to(source, lambda: audit_writers(report, __version__), out)
    if fix:
        say_closing(out, len(report.changes), report.written, report.output or report.image)
    if not report.clean:
        raise typer.Exit(1)


def _by_oscap(source: EachSource, asked: OscapAsked, out: Output) -> None:
    from imgtools.workflows.audit_oscap import audit_oscap

    if asked.content is None or asked.profile is None:  # refuse() has looked
        raise UsageError("--oscap needs --profile")
    report = audit_oscap(source, asked.content, asked.profile, results=asked.results, report=asked.report)
    out.show(
        report,
        schema="imgtools.audit-oscap/1",
        view=lambda: oscap_view(report, verbose=out.verbose),
        pipe=lambda: oscap_rows(report),
    )
    for place in filter(None, (report.results, report.report)):
        out.note(f"{place} is written.")
    if not report.clean:
        raise typer.Exit(1)


def _level(name: str | None) -> Level | None:
    from imgtools.records.audit import Level

    if name is None:
        return None
    if name not in list(Level):
        raise UsageError(f"no such severity: {name}", hint=f"there are {', '.join(Level)}")
    return Level(name)


def _rows(report: AuditReport) -> Table:
    """A row a finding, for a pipe; a check without any has one of its own."""
    rows: list[tuple[str, str, str, str, str, str]] = []
    for one in report.checks:
        found = [(each.severity, "fail", _place(each), each.text) for each in one.findings]
        found += [
            (each.severity, "waived", _place(each), f"{each.text} ({each.waived})") for each in one.waived
        ]
        if not one.findings:
            found.append((one.severity, one.result, "", one.reason))
        rows += [(one.group, one.id, *cells) for cells in found]
    return Table(("Group", "Check", "Severity", "Result", "Where", Column("What", prose=True)), rows)


def _views(report: AuditReport, *, verbose: bool) -> list[View]:
    views: list[View] = [Lines([f"{report.guest} on {report.root}, policy {report.policy}"])]
    for group in dict.fromkeys(one.group for one in report.checks):
        views += _group([one for one in report.checks if one.group == group], group, verbose=verbose)
    return [*views, Lines([*_since(report), *_plan(report), "", _verdict(report)])]


def _group(checks: Sequence[AuditedCheck], group: str, *, verbose: bool) -> list[View]:
    """What was found in a group, one line each; of a group without anything one line is left."""
    lines = [line for one in checks for line in _told(one, verbose=verbose)]
    passed = [one.id for one in checks if one.result == "pass"]
    if not lines:
        return [Lines(["", f"{group}: {len(passed)} of {len(checks)} pass"])] if passed else []
    return [Lines(["", group, *lines, f"  {len(passed)} of {len(checks)} pass"])]


def _told(one: AuditedCheck, *, verbose: bool) -> Iterator[str]:
    for finding in sorted(one.findings, key=lambda each: -each.severity.rank):
        where = f" [{_place(finding)}]" if _place(finding) else ""
        yield f"  {finding.severity:<8}  {one.id}: {finding.text}{where}"
        if verbose:
            yield from _more(finding)
    if one.result in ("error", "not decidable offline") or (one.findings and one.reason):
        yield f"  {one.result if not one.findings else 'besides'}  {one.id}: {one.reason}"
    if verbose:
        yield from (f"  waived    {one.id}: {each.text} ({each.waived})" for each in one.waived)
        if one.result == "pass":
            yield f"  pass      {one.id}: {one.title}"


def _more(finding: AuditFinding) -> Iterator[str]:
    if finding.evidence:
        yield f"              there is: {finding.evidence}"
    if finding.fixable:
        yield "              --fix puts it right"
    elif finding.advice:
        yield f"              to do: {finding.advice}"


def _place(one: AuditFinding) -> str:
    place = f"{one.path}:{one.line}" if one.line else one.path
    return f"{place} {one.subject}".strip()


def _since(report: AuditReport) -> Iterator[str]:
    if report.since is None:
        return
    yield ""
    yield f"Since the other audit: {len(report.since.new)} new, {len(report.since.gone)} gone"
    yield from (f"  new   {one.check}: {one.text} [{_place(one)}]" for one in report.since.new)
    yield from (f"  gone  {one.check}: {one.text} [{_place(one)}]" for one in report.since.gone)


def _plan(report: AuditReport) -> Iterator[str]:
    if report.changes:
        yield ""
        yield "Put right:" if report.written else "To put right:"
        yield from change_lines(report.changes)


def _verdict(report: AuditReport) -> str:
    count: dict[str, int] = {}
    for one in report.findings:
        count[one.severity] = count.get(one.severity, 0) + 1
    errors = sum(one.result == "error" for one in report.checks)
    parts = [f"{count[name]} {name}" for name in ("critical", "high", "medium", "low") if name in count]
    parts += [f"{errors} not made, see above"] if errors else []
    made = sum(one.result in ("pass", "fail") for one in report.checks)
    return f"{made} of {len(report.checks)} checks apply: {', '.join(parts) or 'nothing was found'}."
