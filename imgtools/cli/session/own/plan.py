"""plan, in a session."""

from __future__ import annotations

from imgtools.cli.command.groups import Output
from imgtools.cli.output.plan import show_plan
from imgtools.workflows.shell import GuestSession


def command(session: GuestSession, out: Output) -> None:
    """Show all that is planned, every file once: what commit does.

    With --json it is what `imgtools apply` takes.
    """
    show_plan(out, session.plan())
