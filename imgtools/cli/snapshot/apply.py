"""imgtools snapshot apply."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.output.disk import show_plan

WAITS = True
EXAMPLES = (
    "imgtools snapshot apply disk.qcow2 before-upgrade",
    "imgtools snapshot apply --keep failed-upgrade --write disk.qcow2 before-upgrade",
)
NOTES = """
qemu-img snapshot -a throws the present state away without asking, and silently gives the disk the size that it had
when the snapshot was made. Here the plan says both before anything happens, and --keep makes a snapshot of the
present state first, in the same change.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its id or name.", show_default=False)],
    keep: Annotated[
        str | None,
        typer.Option("--keep", metavar="NAME", help="First keep the present state under this name."),
    ] = None,
) -> None:
    """Make a disk what it was when an internal snapshot was made."""
    from imgtools.workflows.snapshot import apply_snapshot

    show_plan(out, apply_snapshot(disk, name, keep=keep, write=write), schema="imgtools.snapshot.apply/2")
