"""imgtools mv."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.errors import UsageError

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools mv disk.qcow2 /etc/fstab.new /etc/fstab --write",
    "imgtools mv disk.qcow2 /srv/a /srv/b /mnt/data --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Sources, and where they go.", show_default=False)
    ],
) -> None:
    """Rename or move files of the guest.

    With several sources the last path is a directory. On another volume a file is copied, then removed.
    """
    from imgtools.workflows.mv import move_files

    if len(paths) < 2:
        raise UsageError("mv needs a source and where it goes")
    with out.progress("Writing") as progress:
        report = move_files(source, target, paths[:-1], paths[-1], progress=progress)
    show_plan(out, report)
