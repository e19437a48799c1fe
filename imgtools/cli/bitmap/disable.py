"""imgtools bitmap disable."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.output.disk import show_plan

WAITS = True
EXAMPLES = ("imgtools bitmap disable --write disk.qcow2 monday",)
NOTES = """
From now on what is written is not in the bitmap, and a backup that relies on it misses that. The change is checked
on a view of the file, and written all or nothing.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The bitmap.", show_default=False)],
) -> None:
    """Stop a persistent bitmap recording."""
    from imgtools.workflows.bitmap import change_bitmap

    show_plan(out, change_bitmap(disk, name, "disable", write=write), schema="imgtools.bitmap.disable/2")
