"""Everything that the disks of an image hold: tables, partitions, LVM, filesystems."""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.image.handle import Image, open_request
from imgtools.records.disks import Declined, Disk, Holder, Layout, Partition, Volume
from imgtools.records.lvm import LogicalVolume, PhysicalVolume, VolumeGroup
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """One partition, with whether it begins where modern disks want it (a multiple of 64 KiB)."""

    disk: str
    device: str
    number: int
    start: int
    size: int
    type: str
    kind: str
    name: str
    id: str
    flags: tuple[str, ...]
    aligned: bool
    alignment: int  # the largest power of two that divides the start, in bytes


@dataclass(frozen=True, slots=True)
class FilesystemRow:
    """One volume and what is on it; ``used`` and ``available`` are None where nobody can tell."""

    device: str
    holder: Holder
    content: str
    label: str
    uuid: str
    version: str
    size: int  # of the volume
    used: int | None
    available: int | None
    parents: tuple[str, ...]
    mountable: bool
    problem: str = ""  # why nobody can tell how full it is


@dataclass(frozen=True, slots=True)
class FilesystemsReport:
    """What the disks hold, from partition tables down to filesystems."""

    image: str
    engine: Engine
    disks: tuple[Disk, ...]
    partitions: tuple[PartitionRow, ...]
    pvs: tuple[PhysicalVolume, ...]
    vgs: tuple[VolumeGroup, ...]
    lvs: tuple[LogicalVolume, ...]
    filesystems: tuple[FilesystemRow, ...]
    warnings: tuple[Warned, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, or 1 if a filesystem cannot be read."""
        return int(any(row.problem for row in self.filesystems))

    @property
    def misaligned(self) -> tuple[PartitionRow, ...]:
        """The partitions that begin where a disk with large sectors is slow."""
        return tuple(row for row in self.partitions if not row.aligned and row.kind != "extended")


def list_filesystems(request: ImageRequest, *, usage: bool = True) -> FilesystemsReport:
    """List what the disks of one image hold.

    :param usage: also tell how full each filesystem is, which mounts it.
    """
    with open_request(request) as image:
        layout = image.layout(complete=True)
        rows = tuple(_filesystem(image, volume, usage=usage) for volume in layout.volumes)
        unread = [Warned(f"cannot be read: {row.problem}", row.device) for row in rows if row.problem]
        return FilesystemsReport(
            image=request.name,
            engine=image.served_by,
            disks=layout.disks,
            partitions=tuple(_partition(disk, part) for disk in layout.disks for part in disk.partitions),
            pvs=layout.pvs,
            vgs=layout.vgs,
            lvs=layout.lvs,
            filesystems=rows,
            warnings=(*image.warnings, *_warnings(layout), *unread),
        )


def _warnings(layout: Layout) -> tuple[Warned, ...]:
    problems = [Warned(problem, disk.device) for disk in layout.disks for problem in disk.problems]
    return (*problems, *(Warned(one.reason, one.what) for one in layout.unopened))


def _partition(disk: Disk, partition: Partition) -> PartitionRow:
    return PartitionRow(
        disk=disk.device,
        device=partition.device,
        number=partition.number,
        start=partition.start,
        size=partition.size,
        type=partition.type,
        kind=partition.kind,
        name=partition.name,
        id=partition.id,
        flags=partition.flags,
        aligned=partition.aligned,
        alignment=partition.start & -partition.start,
    )


def _filesystem(image: Image, volume: Volume, *, usage: bool) -> FilesystemRow:
    measured = image.try_usage(volume) if usage and volume.mountable else None
    known = None if measured is None or isinstance(measured, Declined) else measured
    return FilesystemRow(
        device=volume.device,
        holder=volume.holder,
        content=volume.content,
        label=volume.label,
        uuid=volume.uuid,
        version=volume.version,
        size=volume.size,
        used=known.used if known else None,
        available=known.available if known else None,
        parents=volume.parents,
        mountable=volume.mountable,
        problem=measured.reason if isinstance(measured, Declined) else "",
    )
