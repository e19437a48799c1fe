"""imgtools partition set."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import InPlaceOrNew, OneDiskSource, Output
from imgtools.cli.output.volumes import show_made

EXAMPLES = (
    "imgtools partition set disk.qcow2 /dev/sda2 --type lvm --name data --write",
    "imgtools partition set disk.qcow2 /dev/sda1 --bootable --write",
    "imgtools partition set disk.qcow2 /dev/sda3 --size +1G --write",
    "imgtools partition set disk.qcow2 --mend --write",
)
NOTES = """
What the partition holds stays as it is. `--size` lets it grow into the room behind it and leaves its filesystem as
large as it was; `imgtools resize --expand` lets both grow. A partition that holds something does not become smaller
here: `imgtools resize --shrink` shrinks the filesystem first.

`--mend` puts a GPT in order: a backup that is not at the end of the disk, because the disk has grown, or a damaged copy
of the two. Every other change of a GPT does the same on its way, and says so.
"""


def command(
    source: OneDiskSource,
    target: InPlaceOrNew,
    out: Output,
    part: Annotated[
        str | None, typer.Argument(metavar="[PART]", help="/dev/sda3, or 3.", show_default=False)
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="SIZE", help="20G, +1G, or rest: the room behind it.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="A name (esp, swap, lvm ...), a GUID, an MBR's byte."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its name in a GPT.")] = None,
    uuid: Annotated[str | None, typer.Option("--uuid", metavar="GUID", help="Its GUID.")] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            "--attribute", metavar="WORD", help="required, legacy-boot, guid:63 ..., or none; repeat it."
        ),
    ] = None,
    bootable: Annotated[
        bool | None, typer.Option("--bootable/--no-bootable", help="The one to boot from, or not.")
    ] = None,
    mend: Annotated[bool, typer.Option("--mend", help="Only put a damaged GPT in order.")] = False,
) -> None:
    """Change a partition's size, type, name, GUID or flags."""
    from imgtools.workflows.partition import Facts, set_partition

    facts = Facts(size, kind, name, uuid, tuple(attribute) if attribute else None, bootable)
    with out.progress("Writing") as progress:
        report = set_partition(source, part, facts, target, mend=mend, progress=progress)
    show_made(out, report, "imgtools.partition.set/1")
