"""imgtools mkdir."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.units import parse_mode

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools mkdir disk.qcow2 /srv/data --write",
    "imgtools mkdir --parents --mode 0700 disk.qcow2 /opt/app/keys --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Directories to make.", show_default=False)
    ],
    mode: Annotated[str, typer.Option("--mode", metavar="MODE", help="Permissions, octal.")] = "0755",
    parents: Annotated[
        bool,
        typer.Option("--parents", "-p", help="Make missing parents too; a directory that is there is fine."),
    ] = False,
) -> None:
    """Make directories in the guest.

    They belong to root. Prints the plan; --write or --output does it.
    """
    from imgtools.workflows.mkdir import make_directories

    with out.progress("Writing") as progress:
        report = make_directories(
            source, target, paths, mode=parse_mode(mode), parents=parents, progress=progress
        )
    show_plan(out, report)
