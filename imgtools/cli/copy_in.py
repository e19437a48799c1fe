"""imgtools copy-in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.errors import UsageError

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools copy-in disk.qcow2 site.conf /etc/nginx/conf.d --write",
    "imgtools copy-in disk.qcow2 ./www ./assets /srv --owner www-data:www-data --write",
    "imgtools copy-in --keep-owners disk.qcow2 backup/home /home --output restored.qcow2",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE... DIRECTORY", help="Host files, then the guest directory.", show_default=False
        ),
    ],
    owner: Annotated[
        str, typer.Option("--owner", metavar="USER[:GROUP]", help="Whom the copies belong to.")
    ] = "",
    keep_owners: Annotated[
        bool, typer.Option("--keep-owners", help="User and group ids as on the host.")
    ] = False,
) -> None:
    """Copy files and directories of the host into the guest.

    Directories are copied with all below them; modes, times and links are kept, and copies belong to root unless
    --owner or --keep-owners says otherwise. All files are one transaction.
    """
    from imgtools.workflows.copy_in import copy_in

    if len(paths) < 2:
        raise UsageError("copy-in needs a file of the host and a directory of the guest")
    if owner and keep_owners:
        raise UsageError("--owner and --keep-owners do not go together")
    sources = [Path(path) for path in paths[:-1]]
    with out.progress("Copying") as progress:
        report = copy_in(
            source, target, sources, paths[-1], keep_owners=keep_owners, owner=owner, progress=progress
        )
    show_plan(out, report)
