"""imgtools commit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output
from imgtools.cli.output.disk import Write, show_plan

EXAMPLES = (
    "imgtools commit overlay.qcow2",
    "imgtools commit --write --remove overlay.qcow2",
    "imgtools commit --base base.qcow2 --write top.qcow2",
)
NOTES = """
qemu-img commit changes the base without a word about the other images that stand on it, and each of them is
destroyed by it. It empties the overlay unless told not to, lets a base grow and never shrink, and with a deeper
base it leaves the images in between standing on something else. Here the plan says all of it, other overlays of the
base in its folder are looked for, and the overlay keeps everything until the base is complete and on the disk: a
commit that was cut is simply run again, and the chain as a whole reads the same at every moment.
"""


def command(
    disk: DiskFile,
    out: Output,
    base: Annotated[
        Path | None,
        typer.Option("--base", "-b", metavar="FILE", help="A deeper file of the chain; default: the next."),
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Empty the overlay afterwards.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove what was committed afterwards.")] = False,
    rate: Annotated[str, typer.Option("--rate", metavar="SIZE", help="At most so many bytes a second.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Although other images stand on the base and are destroyed.")
    ] = False,
    write: Write = False,
) -> None:
    """Write what an overlay holds into its backing file."""
    from imgtools.workflows.commit import CommitRequest, commit

    request = CommitRequest(disk, base, empty, remove, rate, force, write)
    with out.progress("commit") as progress:
        report = commit(request, progress)
    show_plan(out, report, schema="imgtools.commit/2")
