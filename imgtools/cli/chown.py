"""imgtools chown."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools chown disk.qcow2 alice:users /home/alice/notes --write",
    "imgtools chown -R disk.qcow2 33:33 /var/www --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    owner: Annotated[
        str, typer.Argument(metavar="OWNER", help="USER, USER:GROUP or :GROUP.", show_default=False)
    ],
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files and directories.", show_default=False)
    ],
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="All below directories too.")] = False,
) -> None:
    """Change owners in the guest.

    OWNER is USER, USER:GROUP or :GROUP, with the guest's own names or with numbers. A link itself is changed.
    """
    from imgtools.workflows.chown import change_owners

    with out.progress("Writing") as progress:
        report = change_owners(source, target, owner, paths, recursive=recursive, progress=progress)
    show_plan(out, report)
