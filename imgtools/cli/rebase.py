"""imgtools rebase."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.command.option_names import old
from imgtools.cli.output.disk import BackingFormat, show_plan
from imgtools.errors import UsageError

SECTION = "Look after images"
EXAMPLES = (
    "imgtools rebase --backing-file base-v2.qcow2 --backing-format qcow2 overlay.qcow2",
    "imgtools rebase --backing-file none --write overlay.qcow2",
    "imgtools rebase --unsafe --backing-file moved/base.qcow2 --backing-format qcow2 --write overlay.qcow2",
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
    write: Write,
    out: Output,
    backing_file: Annotated[
        str,
        typer.Option(
            *names.BACKING_FILE.words,
            metavar="FILE",
            help="The new backing file; none: stand alone.",
            show_default=False,
        ),
        old("--onto"),
    ],
    backing_format: Annotated[BackingFormat, old("--onto-format")] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Only change the name: the new base reads as the old one.")
    ] = False,
    force: Annotated[
        bool, typer.Option(*names.FORCE.words, help="With --unsafe: although a sample of the bases differs.")
    ] = False,
) -> None:
    """Give an overlay another backing file.

    The image reads the same afterwards. FILE is looked for in the image's folder, as qemu-img does,
    then where you stand; what is recorded is relative to the image.
    """
    from imgtools.workflows.rebase import RebaseRequest, rebase

    if force and not unsafe:
        raise UsageError("--force goes with --unsafe only")
    base = None if backing_file == "none" else Path(backing_file)
    with out.progress("rebase") as progress:
        report = rebase(RebaseRequest(disk, base, backing_format, unsafe, force, write), progress)
    show_plan(out, report, schema="imgtools.rebase/2")
