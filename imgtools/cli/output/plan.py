"""How a plan is shown: the same for every command that writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.cli.output.output import Output
from imgtools.cli.output.views import Column, Lines, Table, View

if TYPE_CHECKING:
    from imgtools.workflows.writing import PlanReport

SCHEMA = "imgtools.plan/2"


def show_plan(out: Output, report: PlanReport, *, schema: str = SCHEMA) -> None:
    """Show a plan: a line a change and the diffs on a terminal, ``kind<tab>path<tab>summary`` in a pipe, or JSON.

    What was done, or how to do it, is said on stderr.
    """
    out.show(report, schema=schema, view=lambda: _view(report), pipe=lambda: _pipe(report))
    if not report.changes and not report.output:
        out.note("Nothing to change.")
    else:
        out.closing(len(report.changes), written=report.written, place=report.output or report.image)


def _view(report: PlanReport) -> list[View]:
    shown: list[str] = []
    for one in report.changes:
        shown.append(one.summary)
        shown += [f"  {line}" for line in one.diff.splitlines()]
    return [Lines(shown)] if shown else []


def _pipe(report: PlanReport) -> Table:
    rows = [(one.kind, one.path, one.summary) for one in report.changes]
    return Table((Column("kind"), Column("path"), Column("change", prose=True)), rows)
