"""How fast an image is: requests of one size, and the time they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from imgtools.errors import UsageError
from imgtools.image.backing import examine
from imgtools.image.disk import Disk, bench_image, create_image, open_disk
from imgtools.image.formats import require_ability
from imgtools.image.new_file import require_room, scratch_folder
from imgtools.records import DiskSource, ImageRequest, Warned
from imgtools.units import parse_size

SPAN = 1 << 30  # bytes of the scratch image that writes go to, at most


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """What is measured."""

    source: ImageRequest
    write: bool = False  # on a scratch image of the same format beside the image
    count: int = 10_000
    size: str = "64K"
    depth: int = 16
    step: str = ""
    offset: str = ""
    cache: str = "none"
    aio: str = "threads"


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What was measured."""

    image: str
    operation: str  # "read" or "write"
    count: int
    size: int
    depth: int
    seconds: float
    requests_per_second: float
    bytes_per_second: float
    warnings: tuple[Warned, ...] = ()


def bench(request: BenchRequest) -> BenchReport:
    """Send requests to an image, or writes to a scratch image of its format beside it, and take the time.

    :raises UsageError: the numbers make no sense for this disk.
    """
    disk = open_disk(request.source)
    size = parse_size(request.size)
    step, offset = parse_size(request.step or request.size), parse_size(request.offset or "0")
    if not 512 <= size <= 1 << 30 or size % 512 or step % 512 or offset % 512:
        raise UsageError("sizes have to be multiples of 512", hint="--size 4K, --size 64K, --size 1M")
    if offset + size > disk.info.virtual_size:
        raise UsageError(f"the disk has only {disk.info.virtual_size} bytes")
    with _scratch(disk) if request.write else nullcontext(disk) as measured:
        timing = bench_image(
            measured.node(),
            count=request.count,
            size=size,
            depth=request.depth,
            step=step,
            offset=0 if request.write else offset,
            write=request.write,
            cache=request.cache,
            aio=request.aio,
        )
    seconds = max(timing.seconds, 1e-6)
    return BenchReport(
        image=str(disk.host_path),
        operation="write" if request.write else "read",
        count=request.count,
        size=size,
        depth=request.depth,
        seconds=timing.seconds,
        requests_per_second=round(request.count / seconds, 1),
        bytes_per_second=round(request.count * size / seconds, 1),
        warnings=disk.warnings,
    )


@contextmanager
def _scratch(disk: Disk) -> Iterator[Disk]:
    """Yield an empty image of the same format in the same folder, which is gone afterwards."""
    format = disk.info.format
    require_ability(format, "create", str(disk.host_path))
    if disk.info.encryption:
        raise UsageError(
            "writes to an encrypted image are not measured", hint="measure reads, or a plain image"
        )
    size = min(disk.info.virtual_size, SPAN) // 512 * 512
    folder = disk.top.host_path.parent
    require_room(folder, size, "the scratch image")
    with scratch_folder(folder) as place:
        image = place / "scratch"
        create_image(image, format, size)
        yield Disk(examine(DiskSource(image, format)))
