"""What was taken back in a session, as it is shown."""

from __future__ import annotations

from imgtools.cli.output.output import Output
from imgtools.cli.output.views import Lines
from imgtools.workflows.shell import UndoReport


def show_undone(out: Output, report: UndoReport) -> None:
    """Show the commands whose changes are planned no longer."""
    out.show(
        report,
        schema="imgtools.shell.undo/1",
        view=lambda: Lines([f"taken back: {said}" for said in report.undone]),
    )
    if not report.left:
        out.note("Nothing is planned.")
