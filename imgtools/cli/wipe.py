"""imgtools wipe."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output, Write
from imgtools.cli.command.option_names import old
from imgtools.cli.output.disk import show_plan

SECTION = "Look after images"
EXAMPLES = (
    "imgtools wipe disk.qcow2",
    "imgtools wipe --algorithm nnsa --delete --write disk.qcow2",
    "imgtools wipe --algorithm random --write /dev/vg0/guest",
)
NOTES = """
Overwriting a file reaches the old bytes only where the filesystem and the disk write in place: ext4 or XFS on a
rotating disk. On btrfs, ZFS and other copy-on-write filesystems, on SSDs, thin volumes and network storage the old
bytes stay somewhere, and no number of passes changes that: the command says so for the place where the file lies.
On such storage encrypt images from the start (imgtools create --new-key), and destroy the key; or use the device's
own secure erase.

On a rotating disk of this century one pass is enough; the long algorithms are there because policies ask for them.
Every pass is on the disk before the next begins. What has to be wiped as well, and is not: backing files, snapshots
and backups of the host, the guest's swap.
"""


class Algorithm(StrEnum):
    """The passes."""

    ZERO = "zero"
    RANDOM = "random"
    NNSA = "nnsa"
    DOD = "dod"
    BSI = "bsi"
    GUTMANN = "gutmann"
    SCHNEIER = "schneier"
    PFITZNER7 = "pfitzner7"
    PFITZNER33 = "pfitzner33"


def command(
    write: Write,
    out: Output,
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="A file or block device.", show_default=False)
    ],
    algorithm: Annotated[Algorithm, typer.Option("--algorithm", help="The passes.")] = Algorithm.ZERO,
    delete: Annotated[
        bool,
        typer.Option(*names.DELETE.words, help="Delete the file afterwards."),
        old("--remove"),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            *names.FORCE.words, help="Although other images stand on it, or part of its data lies elsewhere."
        ),
    ] = False,
) -> None:
    """Overwrite an image.

    zero: 0x00. random: random. nnsa: random twice, 0x00, read back. dod: random, 0x00, 0xff, read back. bsi: nine
    fixed patterns. gutmann: 35 passes. schneier: 0x00, 0xff, random five times. pfitzner7, pfitzner33: random, so
    many times. A vmdk's extents and a qcow2's data file are wiped too, and what a killed edit left beside the image;
    backing files are not. The file that names the others comes last: so a wipe that was cut can be run again.
    """
    from imgtools.workflows.wipe import wipe

    with out.progress("wipe") as progress:
        report = wipe(image, algorithm.value, remove=delete, force=force, write=write, progress=progress)
    show_plan(out, report, schema="imgtools.wipe/2")
