"""imgtools snapshot create."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.output.disk import show_plan

WAITS = True
EXAMPLES = ("imgtools snapshot create --write disk.qcow2 before-upgrade",)
NOTES = """
qemu-img snapshot -c takes the same name twice, and a number as a name, and then nobody can say which snapshot is
meant. Both are refused here. The change is made on a view of the file, checked there, and written all or nothing.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", show_default=False)],
) -> None:
    """Keep the present state of a disk as an internal snapshot.

    It costs nothing now; from then on what is overwritten is kept, and the file grows. Internal snapshots are lost
    when an image is converted or copied as a disk.
    """
    from imgtools.workflows.snapshot import create_snapshot

    show_plan(out, create_snapshot(disk, name, write=write), schema="imgtools.snapshot.create/2")
