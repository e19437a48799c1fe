"""rollback, in a session."""

from __future__ import annotations

from imgtools.cli.command.groups import Output
from imgtools.cli.session.undone import show_undone
from imgtools.workflows.shell import GuestSession


def command(session: GuestSession, out: Output) -> None:
    """Forget all that is planned; the guest is shown as it is."""
    show_undone(out, session.rollback())
