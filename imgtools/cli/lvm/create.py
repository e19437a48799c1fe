"""imgtools lvm create."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import InPlaceOrNew, Output, Source
from imgtools.cli.output.volumes import Holds, show_made

EXAMPLES = (
    "imgtools lvm create disk.qcow2 vg0 --pv /dev/sda2 --write",
    "imgtools lvm create disk.qcow2 vg0/srv --size 2G --write",
    "imgtools lvm create disk.qcow2 vg1/data --pv /dev/sdb --add data.qcow2 --write",
)
NOTES = """
`VG` makes a group of the devices of `--pv`; `VG/LV` makes a logical volume in a group that is there, or with `--pv` in
one that is made with it. Without `--size` the volume takes all that is free. Sizes become whole extents, rounded up.

What a device holds that becomes a physical volume has to be named with `--holds`, as for `imgtools format`. Partitions
keep their type: `imgtools partition set --type lvm` says what they are.

The plan is made by our own reader of LVM's metadata, without a boot. LVM itself carries it out in the appliance, on an
overlay; our reader has to find what the plan says before anything counts. Nothing is made in a new volume: `imgtools
format` does that.
"""


def command(
    source: Source,
    target: InPlaceOrNew,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="VG, or VG/LV.", show_default=False)],
    pv: Annotated[
        list[str] | None,
        typer.Option("--pv", metavar="DEVICE", help="A device that the new group is made of; repeat it."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="SIZE", help="Of the volume: 2G; default: all that is free."),
    ] = None,
    extent_size: Annotated[
        str | None, typer.Option("--extent-size", metavar="SIZE", help="Of a new group; default: 4M.")
    ] = None,
    holds: Holds = None,
) -> None:
    """Make a volume group, a logical volume, or both."""
    from imgtools.workflows.lvm import create

    with out.progress("Writing") as progress, out.waiting("Working on the volumes"):
        report = create(
            source, name, target, pvs=pv or (), size=size, extent_size=extent_size,
            holds=holds or (), progress=progress,
        )  # fmt: skip
    show_made(out, report, "imgtools.lvm.create/1")
