"""imgtools bitmap delete."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.output.disk import show_plan

WAITS = True
EXAMPLES = ("imgtools bitmap delete --write disk.qcow2 monday",)
NOTES = """
qemu-img bitmap --remove says nothing when it is done and little when it fails; cut in the middle it leaks clusters.
Here the plan is shown first, the change is checked on a view of the file, and written all or nothing.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The bitmap.", show_default=False)],
) -> None:
    """Delete a persistent bitmap."""
    from imgtools.workflows.bitmap import change_bitmap

    show_plan(out, change_bitmap(disk, name, "remove", write=write), schema="imgtools.bitmap.remove/2")
