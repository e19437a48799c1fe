"""commit, in a session."""

from __future__ import annotations

from imgtools.cli.command.groups import Output
from imgtools.cli.output.plan import show_plan
from imgtools.workflows.shell import GuestSession


def command(session: GuestSession, out: Output) -> None:
    """Write all that is planned, in one transaction: all or nothing.

    If it fails, the image is as it was, and the plan is there still.
    """
    with out.progress("Writing") as progress:
        report = session.commit(progress)
    show_plan(out, report)
