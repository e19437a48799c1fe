"""imgtools lvm remove."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import InPlaceOrNew, Output, Source
from imgtools.cli.output.volumes import Holds, show_made

EXAMPLES = (
    "imgtools lvm remove disk.qcow2 vg0/srv --holds ext4 --write",
    "imgtools lvm remove disk.qcow2 vg0 --holds root-label --holds swap --write",
)
NOTES = """
What a volume holds has to be named with `--holds`; for a group, what each of its volumes holds. A group that is removed
leaves devices that hold nothing: they are no physical volumes any more.
"""


def command(
    source: Source,
    target: InPlaceOrNew,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="VG, or VG/LV.", show_default=False)],
    holds: Holds = None,
) -> None:
    """Remove a logical volume, or a group with all that is in it."""
    from imgtools.workflows.lvm import remove

    with out.progress("Writing") as progress, out.waiting("Working on the volumes"):
        report = remove(source, name, target, holds=holds or (), progress=progress)
    show_made(out, report, "imgtools.lvm.remove/1")
