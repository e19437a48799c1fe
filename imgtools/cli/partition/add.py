"""imgtools partition add."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import InPlaceOrNew, OneDiskSource, Output
from imgtools.cli.output.volumes import Holds, show_made

EXAMPLES = (
    "imgtools partition add disk.qcow2 --size 512M --type esp --name ESP --write",
    "imgtools partition add disk.qcow2 --type lvm --write",
    "imgtools partition add new.qcow2 --table mbr --size 1G --bootable --write",
    "imgtools partition add disk.qcow2 --size 1G --start 2G --output divided.qcow2",
)
NOTES = """
Without `--start` the partition goes into the first gap that is large enough, on a multiple of 1 MiB; with `rest` for a
size, the default, it takes the largest gap. A disk without a table gets a GPT, or what `--table` names; what the disk
holds instead has to be named with `--holds`. In an MBR the fifth partition is a logical one if there is an extended one
(`--type extended` makes it).

On a GPT `--bootable` is the attribute legacy-boot, which is what BIOS boot loaders look for there. Nothing is made in
the partition: `imgtools format` does that. If something of former use shows in it, a warning says so.

Everything is done on an overlay, read again by another reader than wrote it, and counts all at once; the plan without
`--write` is tried on an overlay that is thrown away.
"""


def command(
    source: OneDiskSource,
    target: InPlaceOrNew,
    out: Output,
    size: Annotated[
        str, typer.Option("--size", metavar="SIZE", help="1G, or rest: the largest gap.")
    ] = "rest",
    start: Annotated[
        str | None, typer.Option("--start", metavar="PLACE", help="Where it begins: 1M, 2G, or bytes.")
    ] = None,
    kind: Annotated[
        str,
        typer.Option("--type", metavar="TYPE", help="A name (esp, swap, lvm ...), a GUID, an MBR's byte."),
    ] = "linux",
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its name in a GPT.")] = None,
    uuid: Annotated[
        str | None, typer.Option("--uuid", metavar="GUID", help="Its GUID; without it, a random one.")
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", metavar="WORD", help="required, legacy-boot, guid:63 ...; repeat it."),
    ] = None,
    bootable: Annotated[bool, typer.Option("--bootable", help="Mark it as the one to boot from.")] = False,
    number: Annotated[
        int | None, typer.Option("--number", metavar="N", help="Its number; without it, the first free one.")
    ] = None,
    logical: Annotated[bool, typer.Option("--logical", help="Make it in the extended partition.")] = False,
    alignment: Annotated[
        str | None, typer.Option("--alignment", metavar="SIZE", help="Where it may begin; default: 1M.")
    ] = None,
    table: Annotated[
        str | None, typer.Option("--table", metavar="KIND", help="Of a disk that has none: gpt or mbr.")
    ] = None,
    holds: Holds = None,
) -> None:
    """Add a partition, and a table where there is none."""
    from imgtools.workflows.partition import NewPartition, add_partition, alignment_of

    wanted = NewPartition(
        size,
        start,
        kind,
        name,
        uuid,
        tuple(attribute or ()),
        bootable,
        number,
        logical,
        alignment_of(alignment),
    )
    with out.progress("Writing") as progress:
        report = add_partition(source, wanted, target, table=table, holds=holds or (), progress=progress)
    show_made(out, report, "imgtools.partition.add/1")
