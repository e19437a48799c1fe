"""lcd, in a session."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.session.place import show_place
from imgtools.errors import HostError
from imgtools.workflows.shell import GuestSession


def command(
    session: GuestSession,
    out: Output,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="A folder of the host; without it, the home folder."),
    ] = None,
) -> None:
    """Go to another folder of the host, and print it.

    Names of host files begin there from now on, and commands behind a ! run there.
    """
    session.keep_place()
    place = (folder or Path("~")).expanduser()
    try:
        os.chdir(place)
    except OSError as error:
        raise HostError(f"cannot go to {place}: {error.strerror}") from None
    show_place(out, session, str(Path.cwd()))
