"""imgtools bitmap merge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.command.option_names import old
from imgtools.cli.output.disk import show_plan
from imgtools.records.image import DiskSource

WAITS = True
EXAMPLES = (
    "imgtools bitmap merge --write disk.qcow2 monday week",
    "imgtools bitmap merge --other overlay.qcow2 --other-format qcow2 --write base.qcow2 monday monday",
)
NOTES = """
After a commit the overlay's bitmaps have to be merged into the base's, or the next incremental backup misses what
was committed; qemu-img guesses the other image's format while doing it. Here it is examined as every image is, and
both disks have to be of one size.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Its bits are added ...", show_default=False)
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="... to this bitmap.", show_default=False)],
    other: Annotated[
        Path | None,
        typer.Option(*names.OTHER_IMAGE.words, metavar="FILE", help="SOURCE is a bitmap of this image."),
        old("--from"),
    ] = None,
    other_format: Annotated[
        str | None,
        typer.Option(
            *names.OTHER_FORMAT.words, metavar="FORMAT", help="Its format; without it, it is found."
        ),
        old("--from-format"),
    ] = None,
) -> None:
    """Add to a persistent bitmap what another one has recorded."""
    from imgtools.workflows.bitmap import merge_bitmap

    place = DiskSource(other, other_format) if other is not None else None
    report = merge_bitmap(disk, source, name, other=place, write=write)
    show_plan(out, report, schema="imgtools.bitmap.merge/2")
