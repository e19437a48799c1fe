"""undo, in a session."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.session.undone import show_undone
from imgtools.workflows.shell import GuestSession


def command(
    session: GuestSession,
    out: Output,
    count: Annotated[int, typer.Argument(metavar="[STEPS]", min=1, help="How many.")] = 1,
) -> None:
    """Take the last change back that is planned, or several."""
    show_undone(out, session.undo(count))
