"""What the image files are: formats, sizes, chains and internal snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from imgtools.fleet.kind import Kind, Moment, Table, row_of
from imgtools.workflows.info import DiskFacts, InfoReport, describe_image


class DiskRow(NamedTuple):
    """An image file. Sizes are bytes; ``problem`` says why its chain cannot be opened."""

    disk: str
    format: str
    virtual_size: int
    actual_size: int
    encryption: str
    dirty: bool
    in_use: bool
    layers: int
    snapshots: int
    partition_table: str
    partitions: int | None
    problem: str


class LayerRow(NamedTuple):
    """A file of the chain of an image; ``depth`` 0 is the image itself."""

    disk: str
    depth: int
    file: str
    format: str
    virtual_size: int
    actual_size: int
    encryption: str


class SnapshotRow(NamedTuple):
    """An internal snapshot of an image; sizes are bytes."""

    disk: str
    snapshot_id: str
    name: str
    created: Moment
    vm_state_size: int


def _rows(report: InfoReport) -> Iterator[tuple[Any, ...]]:
    for disk in report.disks:
        path = str(disk.host_path)
        yield _disk(path, disk)
        for depth, layer in enumerate(disk.chain):
            yield row_of(LayerRow, layer, disk=path, depth=depth, file=str(layer.shown_path))
        for one in disk.snapshots:
            yield SnapshotRow(path, one.id, one.name, Moment(one.time), one.vm_state_size)


def _disk(path: str, disk: DiskFacts) -> DiskRow:
    return row_of(
        DiskRow,
        disk,
        disk=path,
        layers=len(disk.chain),
        snapshots=len(disk.snapshots),
        partition_table=disk.disk.table if disk.disk else "",
        partitions=len(disk.disk.partitions) if disk.disk else None,
    )


KIND = Kind(
    ask=describe_image,
    rows=_rows,
    code=lambda report: int(any(disk.problem for disk in report.disks)),
    tables={
        "disks": Table(DiskRow, ("disk",)),
        "layers": Table(LayerRow, ("disk", "depth")),
        "snapshots": Table(SnapshotRow, ("disk", "snapshot_id")),
    },
)
