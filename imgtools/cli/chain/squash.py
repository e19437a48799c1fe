"""imgtools chain squash."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.output.disk import show_plan

EXAMPLES = (
    "imgtools chain squash --from monday.qcow2 --to sunday.qcow2 today.qcow2",
    "imgtools chain squash --from today.qcow2 --to base.qcow2 --down --write today.qcow2",
)
NOTES = """
libvirt's blockcommit and blockpull do this for a guest that runs; for one that is off there is only qemu-img
commit, which leaves the links to you. Upwards, the data of the lower files is copied into the upper one, then its
link changes: the name that the guest uses stays. Downwards (--down), what the upper files hold is written into the
lowest one, then whatever stood on them is linked to it: cheaper where the base is large and the changes are small.
In both the chain can be opened at every moment, files that are not needed any more go last, and other images that
stand on one of them stop it.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    first: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="The uppermost file to merge.", show_default=False)
    ],
    last: Annotated[Path, typer.Option("--to", metavar="FILE", help="The lowest.", show_default=False)],
    down: Annotated[
        bool, typer.Option("--down", help="Merge into the lowest, not into the uppermost.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Do not remove the files that were merged.")] = False,
    force: Annotated[
        bool, typer.Option(*names.FORCE.words, help="Although other images stand on these and are destroyed.")
    ] = False,
) -> None:
    """Merge some layers of a chain into one."""
    from imgtools.workflows.chain import squash

    with out.progress("squash") as progress:
        report = squash(disk, first, last, down=down, keep=keep, force=force, write=write, progress=progress)
    show_plan(out, report, schema="imgtools.chain.squash/2")
