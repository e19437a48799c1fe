"""What the disks hold: partitions, and all volumes with their filesystems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from imgtools.fleet.kind import Kind, Table, row_of
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
        yield row_of(PartitionOfDisk, one, partition_id=one.id, flags=",".join(one.flags))
    for row in report.filesystems:
        yield row_of(VolumeOfDisk, row, holder=row.holder.value, parents=",".join(row.parents))


KIND = Kind(
    ask=list_filesystems,
    rows=_rows,
    tables={
        "partitions": Table(PartitionOfDisk, ("device",)),
        "filesystems": Table(VolumeOfDisk, ("device",)),
    },
)
