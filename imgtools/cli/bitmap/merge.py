"""imgtools bitmap merge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output
from imgtools.cli.output.disk import Write, show_plan
from imgtools.records.image import DiskSource

WAITS = True
EXAMPLES = (
    "imgtools bitmap merge --write disk.qcow2 monday week",
    "imgtools bitmap merge --from overlay.qcow2 --from-format qcow2 --write base.qcow2 monday monday",
)
NOTES = """
After a commit the overlay's bitmaps have to be merged into the base's, or the next incremental backup misses what
was committed; qemu-img guesses the other image's format while doing it. Here it is examined as every image is, and
both disks have to be of one size.
"""


def command(
    disk: DiskFile,
    out: Output,
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Its bits are added ...", show_default=False)
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="... to this bitmap.", show_default=False)],
    other: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="SOURCE is a bitmap of this image.")
    ] = None,
    other_format: Annotated[
        str | None,
        typer.Option("--from-format", metavar="FORMAT", help="Its format; without it, it is found."),
    ] = None,
    write: Write = False,
) -> None:
    """Add to a persistent bitmap what another one has recorded."""
    from imgtools.workflows.bitmap import merge_bitmap

    place = DiskSource(other, other_format) if other is not None else None
    report = merge_bitmap(disk, source, name, other=place, write=write)
    show_plan(out, report, schema="imgtools.bitmap.merge/2")
