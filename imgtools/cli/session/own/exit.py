"""exit, in a session."""

from __future__ import annotations

from imgtools.cli.command.groups import Output
from imgtools.cli.session.ended import SessionEnds
from imgtools.workflows.shell import GuestSession


def command(session: GuestSession, out: Output) -> None:
    """End the session; what is planned and not committed is forgotten."""
    raise SessionEnds
