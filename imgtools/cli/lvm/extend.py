"""imgtools lvm extend."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import InPlaceOrNew, Output, Source
from imgtools.cli.output.volumes import Holds, show_made

EXAMPLES = (
    "imgtools lvm extend disk.qcow2 vg0/root --size +5G --write",
    "imgtools lvm extend disk.qcow2 vg0/root --pv /dev/sda4 --write",
    "imgtools lvm extend disk.qcow2 vg0 --pv /dev/sdb --add data.qcow2 --write",
)
NOTES = """
A group grows by devices (`--pv`), a logical volume by a size, or by all that is free in its group, and what it holds
grows with it: ext2, ext3, ext4, XFS, btrfs, NTFS, f2fs and swap, in the same boot. With both, the group grows first.

`imgtools resize --lv-expand` grows the disk, the partition, the physical volume and a logical volume in one go.
"""


def command(
    source: Source,
    target: InPlaceOrNew,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="VG, or VG/LV.", show_default=False)],
    pv: Annotated[
        list[str] | None,
        typer.Option("--pv", metavar="DEVICE", help="Add this device to the group; repeat it."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="SIZE", help="Of the volume: +5G, 20G; default: all that is free."),
    ] = None,
    holds: Holds = None,
) -> None:
    """Add devices to a group, or let a logical volume and its filesystem grow."""
    from imgtools.workflows.lvm import extend

    with out.progress("Writing") as progress, out.waiting("Working on the volumes"):
        report = extend(source, name, target, pvs=pv or (), size=size, holds=holds or (), progress=progress)
    show_made(out, report, "imgtools.lvm.extend/1")
