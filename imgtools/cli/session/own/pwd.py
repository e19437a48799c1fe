"""pwd, in a session."""

from __future__ import annotations

from imgtools.cli.command.groups import Output
from imgtools.cli.session.place import show_place
from imgtools.workflows.shell import GuestSession


def command(session: GuestSession, out: Output) -> None:
    """Print the directory of the guest in which one is."""
    show_place(out, session, session.request.folder)
