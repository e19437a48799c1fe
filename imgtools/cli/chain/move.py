"""imgtools chain move."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.output.disk import show_plan

EXAMPLES = (
    "imgtools chain move overlay.qcow2 /srv/images",
    "imgtools chain move --copy --write overlay.qcow2 /mnt/backup",
)
NOTES = """
Moving the files of a chain with mv breaks every link that is absolute, and the repair by hand is qemu-img rebase
-u, which checks nothing. Here the files are copied from the base up, each gets a link that fits, the new chain is
read as a whole, and only then the old files go. Cut at any time, the old chain or the new one is complete.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where they go.", show_default=False)],
    copy: Annotated[bool, typer.Option("--copy", help="Leave the old files where they are.")] = False,
    force: Annotated[
        bool, typer.Option(*names.FORCE.words, help="Although other images stand on these and are destroyed.")
    ] = False,
) -> None:
    """Bring all files of a chain into another folder."""
    from imgtools.workflows.chain import move_chain

    with out.progress("copy") as progress:
        report = move_chain(disk, folder, copy=copy, force=force, write=write, progress=progress)
    show_plan(out, report, schema="imgtools.chain.move/2")
