"""cd, in a session."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.session.place import show_place
from imgtools.workflows.shell import GuestSession


def command(
    session: GuestSession,
    out: Output,
    path: Annotated[
        str, typer.Argument(metavar="[PATH]", help="A directory in the guest, / if none is named.")
    ] = "",
) -> None:
    """Go to another directory of the guest.

    Paths that do not begin with / begin there from now on.
    """
    place = session.enter(path or "/")
    if out.json:
        show_place(out, session, place)
