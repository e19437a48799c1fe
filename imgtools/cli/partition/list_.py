"""imgtools partition list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.cli.command.groups import OneDiskSource, Output
from imgtools.cli.output.views import Column, Lines, Table, View
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.workflows.partition_table import PartitionsReport

WAITS = True
EXAMPLES = ("imgtools partition list disk.qcow2", "imgtools partition list disk.qcow2 --json")
NOTES = """
Sizes and places are bytes. Free room of less than 1 MiB is not listed: nothing aligned begins there. What a partition
holds is found by its signature, not by its type; `imgtools filesystems` also tells how full it is.

Types have the names of sfdisk and parted (`esp`, `bios_grub`, `linux`, `swap`, `lvm`, `raid`), and the GUID or byte
where there is no name. A backup GPT that is not at the end of the disk, and a damaged copy, are warnings; each change
of the table puts both right, and so does `imgtools partition set IMAGE --mend --write`.
"""


def command(source: OneDiskSource, out: Output) -> None:
    """List the partitions of a disk, what they hold, and what is free."""
    from imgtools.workflows.partition_table import list_partitions

    report = list_partitions(source)
    out.show(
        report,
        schema="imgtools.partition.list/1",
        view=lambda: _view(report),
        pipe=lambda: _table(report, free=False),
    )


def _view(report: PartitionsReport) -> list[View]:
    kind = {"gpt": "GPT", "dos": "MBR"}.get(report.table, "no partition table")
    head = f"{kind} {report.table_id}".rstrip()
    return [
        Lines([f"{head}, {format_size(report.size)}, sectors of {report.sector_size} bytes"]),
        _table(report, free=True),
    ]


def _table(report: PartitionsReport, *, free: bool) -> Table:
    numbers = [Column(name, right=True) for name in ("Start", "Size")]
    columns: list[Column | str] = ["Device", *numbers, "Type", "Holds", "Name", "Flags"]
    rows = [
        (
            one.start,
            (one.device, one.start, one.size, one.type_name or one.type, _holds(one.kind, one.content, one.label),
             one.name, ",".join(one.flags)),
        )
        for one in report.partitions
    ]  # fmt: skip
    if free:
        rows += [(gap.start, ("free", gap.start, gap.size, "", "", "", "")) for gap in report.free]
    return Table(columns, [row for _, row in sorted(rows, key=lambda pair: pair[0])])


def _holds(kind: str, content: str, label: str) -> str:
    if kind == "extended":
        return "logical partitions"
    return f"{content} “{label}”" if label else content
