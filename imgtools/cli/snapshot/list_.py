"""imgtools snapshot list."""

from __future__ import annotations

from imgtools.cli.command.groups import DiskFile, Output
from imgtools.cli.output.views import Column, Table
from imgtools.units import format_time

WAITS = True
EXAMPLES = (
    "imgtools snapshot list disk.qcow2",
    "imgtools snapshot list --json disk.qcow2 | jq -r '.data.snapshots[].name'",
)
NOTES = """
qemu-img snapshot -l has no JSON, and does not say how large the disk was when a snapshot was made: applying it
changes the disk's size back without a word. The size is shown here.
"""


def command(disk: DiskFile, out: Output) -> None:
    """List the internal snapshots of an image.

    Disk is the size that the disk had; Memory what a running guest's memory takes in the snapshot, 0 if it was off.
    """
    from imgtools.workflows.snapshot import list_snapshots

    report = list_snapshots(disk)
    columns = (
        "Id",
        "Name",
        Column("Time", time=True),
        Column("Disk", right=True),
        Column("Memory", right=True),
    )
    out.show(
        report,
        schema="imgtools.snapshot.list/1",
        view=lambda: Table(
            columns,
            [
                (one.id, one.name, format_time(one.time), one.virtual_size, one.vm_state_size)
                for one in report.snapshots
            ],
        ),
    )
