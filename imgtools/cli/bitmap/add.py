"""imgtools bitmap add."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.output.disk import show_plan

WAITS = True
EXAMPLES = ("imgtools bitmap add --granularity 64K --write disk.qcow2 monday",)
NOTES = """
qemu-img bitmap --add takes a granularity in bytes only and fails with an errno for others. Here sizes are written
as everywhere, the name has to be new, and the change is checked on a view of the file, and written all or nothing.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", show_default=False)],
    granularity: Annotated[
        str, typer.Option("--granularity", "-g", metavar="SIZE", help="Bytes for each bit; default 64K.")
    ] = "",
    disabled: Annotated[bool, typer.Option("--disabled", help="It does not record yet.")] = False,
) -> None:
    """Add a persistent bitmap, which records what is written from now on."""
    from imgtools.workflows.bitmap import add_bitmap

    report = add_bitmap(disk, name, granularity=granularity, disabled=disabled, write=write)
    show_plan(out, report, schema="imgtools.bitmap.add/2")
