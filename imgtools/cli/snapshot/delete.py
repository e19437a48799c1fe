"""imgtools snapshot delete."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.output.disk import show_plan

WAITS = True
EXAMPLES = ("imgtools snapshot delete --write disk.qcow2 before-upgrade",)
NOTES = """
qemu-img snapshot -d takes names only; where two snapshots share one, it deletes the first and does not say so. Here
an id can be given, and such a pair is an error. Cut in the middle, qemu-img leaves leaked clusters; here it is all
or nothing. The file does not become smaller: the room is used again inside it. imgtools convert makes a smaller
file.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its id or name.", show_default=False)],
) -> None:
    """Forget an internal snapshot."""
    from imgtools.workflows.snapshot import delete_snapshot

    show_plan(out, delete_snapshot(disk, name, write=write), schema="imgtools.snapshot.delete/2")
