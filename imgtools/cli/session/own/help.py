"""help, in a session."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.workflows.shell import GuestSession


def command(
    session: GuestSession,
    out: Output,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND]", help="What to tell about.")
    ] = None,
) -> None:
    """List the commands, or tell what one of them takes."""
    raise AssertionError("the group reads this word itself: CommandGroup.parse_args")
