"""imgtools bitmap list."""

from __future__ import annotations

from imgtools.cli.command.groups import DiskFile, Output
from imgtools.cli.output.views import Column, Table

WAITS = True
EXAMPLES = ("imgtools bitmap list disk.qcow2",)
NOTES = """
qemu-img bitmap has no list; qemu-img info hides it among the format's own facts. A bitmap with the flag in-use was
not closed cleanly: QEMU ignores it, and so should a backup.
"""


def command(disk: DiskFile, out: Output) -> None:
    """List the persistent bitmaps of an image."""
    from imgtools.workflows.bitmap import list_bitmaps

    report = list_bitmaps(disk)
    columns = ("Name", Column("Granularity", right=True), "Flags")
    rows = [(one.name, one.granularity, ",".join(one.flags)) for one in report.bitmaps]
    out.show(report, schema="imgtools.bitmap.list/1", view=lambda: Table(columns, rows))
