"""imgtools bitmap clear."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.output.disk import show_plan

WAITS = True
EXAMPLES = ("imgtools bitmap clear --write disk.qcow2 monday",)
NOTES = """
A cleared bitmap makes the next incremental backup believe that nothing was written before: clear it only when a
full backup has just been made. The change is checked on a view of the file, and written all or nothing.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The bitmap.", show_default=False)],
) -> None:
    """Forget what a persistent bitmap has recorded."""
    from imgtools.workflows.bitmap import change_bitmap

    show_plan(out, change_bitmap(disk, name, "clear", write=write), schema="imgtools.bitmap.clear/2")
