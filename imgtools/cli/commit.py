"""imgtools commit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.command.option_names import old
from imgtools.cli.output.disk import show_plan

SECTION = "Look after images"
EXAMPLES = (
    "imgtools commit overlay.qcow2",
    "imgtools commit --write --delete overlay.qcow2",
    "imgtools commit --backing-file base.qcow2 --write top.qcow2",
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
    write: Write,
    out: Output,
    base: Annotated[
        Path | None,
        typer.Option(
            *names.BACKING_FILE.words, metavar="FILE", help="A deeper file of the chain; default: the next."
        ),
        old("--base"),
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Empty the overlay afterwards.")] = False,
    delete: Annotated[
        bool,
        typer.Option(*names.DELETE.words, help="Delete what was committed afterwards."),
        old("--remove"),
    ] = False,
    rate: Annotated[str, typer.Option("--rate", metavar="SIZE", help="At most so many bytes a second.")] = "",
    force: Annotated[
        bool,
        typer.Option(*names.FORCE.words, help="Although other images stand on the base and are destroyed."),
    ] = False,
) -> None:
    """Write what an overlay holds into its backing file."""
    from imgtools.workflows.commit import CommitRequest, commit

    request = CommitRequest(disk, base, empty, delete, rate, force, write)
    with out.progress("commit") as progress:
        report = commit(request, progress)
    show_plan(out, report, schema="imgtools.commit/2")
