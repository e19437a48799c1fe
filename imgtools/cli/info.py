"""imgtools info."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import EachSource, Output
from imgtools.cli.output.views import Cell, Column, Facts, Lines, Table, View
from imgtools.units import format_size, format_time

if TYPE_CHECKING:
    from imgtools.records.disks import Disk
    from imgtools.records.image import Layer
    from imgtools.records.snapshots import Snapshot
    from imgtools.workflows.info import DiskFacts, InfoReport

SECTION = "See what an image holds"
WAITS = True
EXAMPLES = (
    "imgtools info disk.qcow2",
    "imgtools info --json disk.qcow2 | jq '.data.disks[0].virtual_size'",
    "imgtools info --no-partitions --backing-policy none upload.vmdk",
)
NOTES = """
qemu-img info opens whatever an image names: a backing file anywhere on the host, a network address, a FIFO that
never answers. It stops at a missing backing file without saying which, and believes that a raw disk is qcow2 when
the guest has written a qcow2 header to its first sector. Here the headers are read first, every name of the chain
is judged, and a file that is shorter than its own tables say is refused instead of being read as zeros.
"""


SHOWN = 200  # snapshots on a terminal


def command(
    source: EachSource,
    out: Output,
    partitions: Annotated[
        bool, typer.Option("--partitions/--no-partitions", help="Read the partition table too.")
    ] = True,
) -> None:
    """Tell what is known of a disk image.

    Format, sizes, the backing chain, internal snapshots, encryption, whether it was closed cleanly, whether a
    program has it open, what is special to its format, and the partition table on it. Nothing of the image is
    trusted for it: see --backing-policy. If what it stands on is missing, damaged or of an unknown format, the image
    itself is told all the same, and the exit code is 1.
    """
    from imgtools.workflows.info import describe_image

    report = describe_image(source, partitions=partitions)
    out.show(report, schema="imgtools.info/1", view=lambda: list(_views(report)), pipe=lambda: _pairs(report))
    if any(facts.problem for facts in report.disks):
        raise typer.Exit(1)


def _views(report: InfoReport) -> Iterator[View]:
    for facts in report.disks:
        yield Facts(list(_main_facts(facts, human=True)), title=str(facts.host_path))
        if len(facts.chain) > 1 or facts.chain[0].extents:
            yield _chain(facts.chain)
        if facts.snapshots:
            yield _snapshots(facts.snapshots[:SHOWN])
        if len(facts.snapshots) > SHOWN:
            yield Lines([f"... and {len(facts.snapshots) - SHOWN} more snapshots; --json has all"])
        if facts.disk and facts.disk.partitions:
            yield _partitions(facts.disk)


def _main_facts(facts: DiskFacts, *, human: bool) -> Iterator[tuple[str, Cell]]:
    def size(number: int) -> str:
        return f"{format_size(number)} ({number} bytes)" if human else str(number)

    if facts.source:
        yield "in", facts.source.kind
        yield "read", facts.source.how
        yield from facts.source.facts.items()
    yield "format", facts.format
    yield "virtual size", size(facts.virtual_size)
    yield "size on host", size(facts.actual_size)
    if facts.encryption or not human:
        yield "encryption", facts.encryption
    if facts.dirty or not human:
        yield "closed cleanly", "no" if facts.dirty else "yes"
    if facts.in_use or not human:
        yield "in use", "yes, a QEMU program has it open" if facts.in_use else "no"
    if facts.disk:
        table = {"gpt": "GPT", "dos": "MBR", "": "none"}.get(facts.disk.table, facts.disk.table)
        if facts.disk.foreign_table and not facts.disk.table:
            table = f"{facts.disk.foreign_table}, which is not read"
        yield "partition table", table
        for problem in facts.disk.problems:
            yield "problem", problem
    yield from facts.details.items()


def _chain(chain: tuple[Layer, ...]) -> Table:
    columns = ("Chain", "Format", Column("Virtual size", right=True), Column("On host", right=True))
    rows: list[list[Cell]] = []
    for depth, layer in enumerate(chain):
        sizes = (format_size(layer.virtual_size), format_size(layer.actual_size))
        rows.append([f"{'  ' * depth}{layer.name}", layer.format, *sizes])
        rows += [[f"{'  ' * depth}  + {extent}", "", "", ""] for extent in layer.extents]
    return Table(columns, rows)


def _snapshots(snapshots: tuple[Snapshot, ...]) -> Table:
    columns = (
        "Snapshot",
        "Name",
        Column("Time", time=True),
        Column("Disk", right=True),
        Column("Memory", right=True),
    )
    rows = [
        (
            *(one.id, one.name, format_time(one.time)),
            "" if one.virtual_size is None else format_size(one.virtual_size),
            format_size(one.vm_state_size),
        )
        for one in snapshots
    ]
    return Table(columns, rows)


def _partitions(disk: Disk) -> Table:
    columns = ("Partition", Column("Start", right=True), Column("Size", right=True), "Type", "Name")
    rows = [(one.device, one.start, format_size(one.size), one.type, one.name) for one in disk.partitions]
    return Table(columns, rows)


def _pairs(report: InfoReport) -> Facts:
    """The same for a pipe, one fact a line: ``layer.0.format``, ``partition.1.size`` ..."""
    pairs: list[tuple[str, Cell]] = []
    for facts in report.disks:
        pairs.append(("image", str(facts.host_path)))
        pairs += _main_facts(facts, human=False)
        for depth, layer in enumerate(facts.chain):
            start = f"layer.{depth}"
            pairs += [(f"{start}.file", layer.name), (f"{start}.format", layer.format)]
            pairs += [
                (f"{start}.virtual size", layer.virtual_size),
                (f"{start}.size on host", layer.actual_size),
            ]
            pairs += [(f"{start}.extent", str(extent)) for extent in layer.extents]
        for one in facts.snapshots:
            start = f"snapshot.{one.id}"
            pairs += [(f"{start}.name", one.name), (f"{start}.time", format_time(one.time))]
            pairs += [(f"{start}.virtual size", one.virtual_size), (f"{start}.vm state", one.vm_state_size)]
        for part in facts.disk.partitions if facts.disk else ():
            start = f"partition.{part.number}"
            pairs += [
                (f"{start}.start", part.start),
                (f"{start}.size", part.size),
                (f"{start}.type", part.type),
            ]
    return Facts(pairs)
