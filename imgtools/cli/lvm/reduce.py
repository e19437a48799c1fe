"""imgtools lvm reduce."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import InPlaceOrNew, Output, Source
from imgtools.cli.output.volumes import Holds, show_made

EXAMPLES = (
    "imgtools lvm reduce disk.qcow2 vg0/srv --size -1G --write",
    "imgtools lvm reduce disk.qcow2 vg0 --pv /dev/sda4 --write",
)
NOTES = """
A filesystem is never cut. ext2, ext3 and ext4 shrink first, in the same boot, and are checked afterwards; how small
they may become is asked without a boot where the volume lies in one piece, and is part of the refusal. Swap is made
anew, with its UUID and label. XFS, and whatever else nothing here shrinks, is refused, unless `--holds` names it as
what may be lost.

A device leaves its group when no logical volume lies on it.
"""


def command(
    source: Source,
    target: InPlaceOrNew,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="VG, or VG/LV.", show_default=False)],
    pv: Annotated[
        list[str] | None,
        typer.Option("--pv", metavar="DEVICE", help="Take this device out of the group."),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="SIZE", help="Of the volume: -1G, 5G.")
    ] = None,
    holds: Holds = None,
) -> None:
    """Take a device out of a group, or make a logical volume smaller."""
    from imgtools.workflows.lvm import reduce

    with out.progress("Writing") as progress, out.waiting("Working on the volumes"):
        report = reduce(source, name, target, pvs=pv or (), size=size, holds=holds or (), progress=progress)
    show_made(out, report, "imgtools.lvm.reduce/1")
