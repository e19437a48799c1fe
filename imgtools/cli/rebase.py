"""imgtools rebase."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output
from imgtools.cli.output.disk import Write, show_plan
from imgtools.errors import UsageError

EXAMPLES = (
    "imgtools rebase --onto base-v2.qcow2 --onto-format qcow2 overlay.qcow2",
    "imgtools rebase --onto none --write overlay.qcow2",
    "imgtools rebase --unsafe --onto moved/base.qcow2 --onto-format qcow2 --write overlay.qcow2",
)
NOTES = """
qemu-img rebase -u only writes another name into the header. If the new base is not byte for byte what the old one
was, the guest is corrupted, silently, and nothing has checked it. Here the safe way is the default: the overlay
gets what it needs to read the same, then the link changes; qemu-img, with its cache, can write the link before the
tables of what it has copied, and a kill in that moment loses the copies: here the order is kept. --unsafe is for a
base that was renamed or copied: it says what it believes, compares sizes and a sample of both bases if the old one
is still there, and refuses where they differ.

Loops, missing bases and bases of another format than said are found before anything is written. The name is
recorded relative where both files are in one folder, so that they can be moved together, and always with its
format.
"""


def command(
    disk: DiskFile,
    out: Output,
    onto: Annotated[
        str,
        typer.Option(
            "--onto", metavar="FILE", help="The new backing file; none: stand alone.", show_default=False
        ),
    ],
    onto_format: Annotated[
        str | None, typer.Option("--onto-format", metavar="FORMAT", help="Its format.")
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Only change the name: the new base reads as the old one.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --unsafe: although a sample of the bases differs.")
    ] = False,
    write: Write = False,
) -> None:
    """Give an overlay another backing file.

    The image reads the same afterwards. Paths are yours, relative to where you stand; what is recorded is relative to
    the image.
    """
    from imgtools.workflows.rebase import RebaseRequest, rebase

    if force and not unsafe:
        raise UsageError("--force goes with --unsafe only")
    base = None if onto == "none" else Path(onto)
    with out.progress("rebase") as progress:
        report = rebase(RebaseRequest(disk, base, onto_format, unsafe, force, write), progress)
    show_plan(out, report, schema="imgtools.rebase/2")
