"""What the disks hold: partitions, and all volumes with their filesystems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from imgtools.fleet.kind import Kind, Table
from imgtools.workflows.filesystems import FilesystemsReport, list_filesystems


class PartitionOfDisk(NamedTuple):
    """A partition; ``start`` and ``size`` are bytes."""

    disk: str
    device: str
    number: int
    start: int
    size: int
    type: str
    kind: str
    name: str
    partition_id: str
    flags: str  # with commas between them
    aligned: bool


class VolumeOfDisk(NamedTuple):
    """A volume and what is on it. Sizes are bytes, None where nobody can tell; then ``problem`` says why."""

    device: str
    holder: str
    content: str
    label: str
    uuid: str
    version: str
    size: int
    used: int | None
    available: int | None
    parents: str  # with commas between them
    mountable: bool
    problem: str


def _rows(report: FilesystemsReport) -> Iterator[tuple[Any, ...]]:
    for one in report.partitions:
        yield PartitionOfDisk(
            one.disk, one.device, one.number, one.start, one.size, one.type, one.kind, one.name, one.id,
            ",".join(one.flags), one.aligned,
        )  # fmt: skip
    for row in report.filesystems:
        yield VolumeOfDisk(
            row.device, row.holder.value, row.content, row.label, row.uuid, row.version, row.size, row.used,
            row.available, ",".join(row.parents), row.mountable, row.problem,
        )  # fmt: skip


KIND = Kind(
    ask=list_filesystems,
    rows=_rows,
    tables={
        "partitions": Table(PartitionOfDisk, ("device",)),
        "filesystems": Table(VolumeOfDisk, ("device",)),
    },
)
