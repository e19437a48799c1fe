"""imgtools touch."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.units import parse_time

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools touch disk.qcow2 /.autorelabel --write",
    "imgtools touch --time 2024-01-31T12:00:00Z disk.qcow2 /etc/issue --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files.", show_default=False)],
    at: Annotated[
        str, typer.Option("--time", metavar="TIME", help="This time, not now: 2024-01-31T12:00:00Z.")
    ] = "",
    no_create: Annotated[bool, typer.Option("--no-create", "-c", help="Make no files.")] = False,
) -> None:
    """Make empty files, or set the times of files, in the guest.

    The time is now, or that of --time, read as UTC unless it names a zone.
    """
    from imgtools.workflows.touch import touch_files

    with out.progress("Writing") as progress:
        report = touch_files(
            source, target, paths, at=parse_time(at) if at else None, create=not no_create, progress=progress
        )
    show_plan(out, report)
