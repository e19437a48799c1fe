"""imgtools format."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import InPlaceOrNew, Output, Source
from imgtools.cli.output import shell_terminal
from imgtools.cli.output.volumes import Holds, show_made
from imgtools.errors import UsageError
from imgtools.records.request import Target

SECTION = "Look after images"
EXAMPLES = (
    "imgtools format disk.qcow2 /dev/sda3 --type ext4 --label data",
    "imgtools format disk.qcow2 /dev/sda3 --type ext4 --label data --write --yes",
    "imgtools format disk.qcow2 /dev/sda4 --type swap --holds swap --write --yes",
    "imgtools format disk.qcow2 /dev/vg0/srv --type xfs --output new.qcow2",
    "imgtools format disk.qcow2 /dev/sda --type none --holds gpt --write --yes",
)
NOTES = """
This destroys what the device holds. The plan says what that is, and how full; it has to be named with `--holds`: a
filesystem by its type, label or UUID, a partition table as `gpt` or `mbr`, a part of a volume group or an array by
the name of that, and what nobody knows as `unknown`. Then `--write` asks on a terminal, and `--yes` says so already.

Nothing boots where the volume lies in one piece and the host has the filesystem's program: ext2, ext3, ext4, XFS,
btrfs, FAT (vfat), exFAT, NTFS, UDF and swap. What is in pieces or encrypted, and what the host has no program for, is
made in the appliance. The room reads as zeros before: nothing of the old content can show again, and a raw image gets
its room back.

The partition's type stays as it is (`imgtools partition set --type`), and so does the guest's fstab: a filesystem that
it mounts by its UUID is found again if `--uuid` names the old one.
"""


def command(
    source: Source,
    target: InPlaceOrNew,
    out: Output,
    device: Annotated[
        str,
        typer.Argument(metavar="DEVICE", help="A partition, volume or disk: /dev/sda3.", show_default=False),
    ],
    kind: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="ext4, xfs, btrfs, vfat, ntfs, swap ..., or none.")
    ],
    label: Annotated[str, typer.Option("--label", metavar="LABEL", help="Its label.")] = "",
    uuid: Annotated[
        str, typer.Option("--uuid", metavar="UUID", help="Its UUID; without it, a random one.")
    ] = "",
    holds: Holds = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Destroy what is there without asking.")] = False,
) -> None:
    """Make an empty filesystem on a partition, volume or disk.

    What is there is lost: the plan says what, and it has to be named.
    """
    from imgtools.workflows.format import NewFilesystem, format_volume

    wanted = NewFilesystem(kind.lower(), label, uuid)
    if target.write and not yes:
        if not shell_terminal.can_ask():
            raise UsageError("nobody can be asked whether to destroy what is there", hint="--yes says so")
        plan = format_volume(source, device, wanted, Target(), holds=holds or ())
        for step in plan.changes:
            out.note(step.summary)
        if plan.changes and not typer.confirm("Do it?", err=True):
            out.note("Nothing was changed.")
            raise typer.Exit(1)
    with out.progress("Writing") as progress, out.waiting("Formatting"):
        report = format_volume(source, device, wanted, target, holds=holds or (), progress=progress)
    show_made(out, report, "imgtools.format/1")
