"""imgtools partition remove."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import InPlaceOrNew, OneDiskSource, Output
from imgtools.cli.output.volumes import Holds, show_made

EXAMPLES = (
    "imgtools partition remove disk.qcow2 /dev/sda3",
    "imgtools partition remove disk.qcow2 /dev/sda3 --holds swap --write",
)
NOTES = """
What the partition holds has to be named, so that nobody removes another one than they mean: the filesystem's type, its
label or its UUID; for a part of a volume group or an array, the name of that. What is not blank and not known is
`unknown`; so are boot loaders in a bios_grub partition.

The other partitions keep their numbers, but for logical ones behind it: those are numbered as they follow, and the
plan says which become which. Only the table changes: the bytes stay on the disk until something writes there.
"""


def command(
    source: OneDiskSource,
    target: InPlaceOrNew,
    out: Output,
    part: Annotated[str, typer.Argument(metavar="PART", help="/dev/sda3, or 3.", show_default=False)],
    holds: Holds = None,
) -> None:
    """Remove a partition, if what it holds is named."""
    from imgtools.workflows.partition import remove_partition

    with out.progress("Writing") as progress:
        report = remove_partition(source, part, target, holds=holds or (), progress=progress)
    show_made(out, report, "imgtools.partition.remove/1")
