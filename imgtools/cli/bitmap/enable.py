"""imgtools bitmap enable."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.output.disk import show_plan

WAITS = True
EXAMPLES = ("imgtools bitmap enable --write disk.qcow2 monday",)
NOTES = """
What was written while a bitmap was disabled is not in it, and a backup that relies on it misses that. The change is
checked on a view of the file, and written all or nothing.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The bitmap.", show_default=False)],
) -> None:
    """Let a persistent bitmap record."""
    from imgtools.workflows.bitmap import change_bitmap

    show_plan(out, change_bitmap(disk, name, "enable", write=write), schema="imgtools.bitmap.enable/2")
