"""imgtools ln."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools ln disk.qcow2 /usr/share/zoneinfo/Europe/Berlin /etc/localtime --force --write",
    "imgtools ln --hard disk.qcow2 /srv/a /srv/b --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    leads_to: Annotated[
        str, typer.Argument(metavar="TARGET", help="What the link leads to.", show_default=False)
    ],
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="The link, or the directory for it.", show_default=False)
    ],
    hard: Annotated[
        bool,
        typer.Option("--hard/--symbolic", " /-s", help="A hard link: a second name of the same file."),
    ] = False,
    force: Annotated[
        bool, typer.Option(*names.FORCE.words, "-f", help="Replace a file or link that is there.")
    ] = False,
) -> None:
    """Make a link in the guest.

    By default a symbolic link, whose target is written as it is given; --hard gives a file a second name.
    """
    from imgtools.workflows.ln import make_link

    with out.progress("Writing") as progress:
        report = make_link(source, target, leads_to, path, symbolic=not hard, force=force, progress=progress)
    show_plan(out, report)
