"""How full the filesystems of disk images are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.image.handle import Image, open_request
from imgtools.records.disks import Declined, Holder, Layout, Volume
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class FilesystemUsage:
    """One filesystem and its ``statvfs`` numbers, in bytes and inodes."""

    device: str
    content: str
    label: str
    uuid: str
    size: int
    used: int
    available: int
    use_percent: float  # of what is not reserved, as df(1) counts it
    inodes: int
    inodes_used: int
    inodes_free: int


@dataclass(frozen=True, slots=True)
class UnreadFilesystem:
    """One filesystem that cannot be read, and why."""

    device: str
    content: str
    label: str
    uuid: str
    problem: str


@dataclass(frozen=True, slots=True)
class ImageUsage:
    """All filesystems of one image, or why there is no answer."""

    image: str
    engine: Engine | None
    filesystems: tuple[FilesystemUsage, ...] = ()
    error: str = ""
    exit_code: int = 0
    unread: tuple[UnreadFilesystem, ...] = ()
    domain: str = ""  # of libvirt, if the image was named so


@dataclass(frozen=True, slots=True)
class DfReport:
    """The filesystems of the image that was asked about; of several, ``df --json`` says it in the order given."""

    images: tuple[ImageUsage, ...]
    warnings: tuple[Warned, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, the code of the first image that failed, or 1 if a filesystem cannot be read."""
        unread = any(image.unread for image in self.images)
        return next((image.exit_code for image in self.images if image.exit_code), int(unread))


def measure_usage(request: ImageRequest) -> DfReport:
    """Measure the filesystems of one image."""
    warnings: list[Warned] = []
    with open_request(request) as image:
        found: list[FilesystemUsage] = []
        unread: list[UnreadFilesystem] = []
        for volume in image.volumes():
            # A btrfs subvolume shares its numbers with the filesystem it is in, which is listed itself.
            if volume.mountable and volume.holder is not Holder.SUBVOLUME:
                row = _row(image, volume)
                if isinstance(row, UnreadFilesystem):
                    unread.append(row)
                else:
                    found.append(row)
        warnings += [Warned(f"{row.device} ({row.content}) cannot be read: {row.problem}") for row in unread]
        engine = image.served_by
        warnings += [*_unopened(image.layout()), *image.warnings]
    usage = ImageUsage(request.name, engine, tuple(found), unread=tuple(unread), domain=request.domain)
    return DfReport((usage,), tuple(warnings))


def _unopened(layout: Layout) -> Iterator[Warned]:
    """Name what may hold a filesystem and is not in the list."""
    listed = {volume.device for volume in layout.volumes if volume.mountable}
    for one in layout.unopened:
        if one.what not in listed:
            yield Warned(f"{one.what} cannot be looked into: {one.reason}")


def _row(image: Image, volume: Volume) -> FilesystemUsage | UnreadFilesystem:
    usage = image.try_usage(volume)
    if isinstance(usage, Declined):
        return UnreadFilesystem(volume.device, volume.content, volume.label, volume.uuid, usage.reason)
    return FilesystemUsage(
        device=volume.device,
        content=volume.content,
        label=volume.label,
        uuid=volume.uuid,
        size=usage.size,
        used=usage.used,
        available=usage.available,
        use_percent=percent(usage.used, usage.used + usage.available),
        inodes=usage.inodes,
        inodes_used=usage.inodes - usage.inodes_free,
        inodes_free=usage.inodes_free,
    )


def percent(part: int, whole: int) -> float:
    """How many of a hundred, to one decimal; of nothing, nothing."""
    return round(100 * part / whole, 1) if whole else 0.0
