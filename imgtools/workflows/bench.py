"""How fast an image is: requests of one size, and the time they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from imgtools.disk.backing import examine
from imgtools.disk.formats import require_ability
from imgtools.disk.image_file import Disk, Node, bench_image, create_image, open_disk, part_of
from imgtools.disk.new_file import require_room, scratch_folder
from imgtools.errors import UnsupportedFormat, UsageError
from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest
from imgtools.records.system import Warned
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
    :raises UnsupportedFormat: it is encrypted, and qemu-img bench takes no key.
    """
    disk = open_disk(request.source)
    size = parse_size(request.size)
    step, offset = parse_size(request.step or request.size), parse_size(request.offset or "0")
    if not 512 <= size <= 1 << 30 or size % 512 or step % 512 or offset % 512:
        raise UsageError("sizes have to be multiples of 512", hint="--size 4K, --size 64K, --size 1M")
    step = step or size
    if request.aio == "native" and request.cache != "none":
        raise UsageError("--aio native needs --cache none", hint="or take --aio io_uring")
    if disk.info.encryption:
        raise UnsupportedFormat(
            f"{disk.name} is encrypted: QEMU does not measure that",
            hint="measure an image without encryption",
        )
    with _scratch(disk) if request.write else nullcontext(disk) as measured:
        node, step = _stretch(measured, 0 if request.write else offset, size, step, request.count)
        timing = bench_image(
            node,
            count=request.count,
            size=size,
            depth=request.depth,
            step=step,
            write=request.write,
            cache=request.cache,
            aio=request.aio,
        )
    seconds = max(timing.seconds, 1e-6)
    return BenchReport(
        image=disk.name,
        operation="write" if request.write else "read",
        count=request.count,
        size=size,
        depth=request.depth,
        seconds=timing.seconds,
        requests_per_second=round(request.count / seconds, 1),
        bytes_per_second=round(request.count * size / seconds, 1),
        warnings=disk.warnings,
    )


def _stretch(disk: Disk, offset: int, size: int, step: int, count: int) -> tuple[Node, int]:
    """Return the part of a disk that the requests go to, and the step from one to the next.

    qemu-img begins anew where a request would begin behind the end, and does not see that it ends there: so the
    part has room for whole steps only.

    :raises UsageError: not one request fits, or the requests overlap and would leave the disk.
    """
    room = disk.info.virtual_size - offset
    if size > room:
        raise UsageError(f"the disk has only {disk.info.virtual_size} bytes")
    if size <= step <= room:
        return part_of(disk.node(), offset, room // step * step), step
    if step < size and (count - 1) * step + size > room:
        raise UsageError(
            f"{count} requests of {size} bytes, {step} apart, leave the disk",
            hint="a smaller --count or --size",
        )
    if step < size:
        return part_of(disk.node(), offset, room), step
    return part_of(disk.node(), offset, size), size  # a step so long always comes to the same place


@contextmanager
def _scratch(disk: Disk) -> Iterator[Disk]:
    """Yield an empty image of the same format in the same folder, which is gone afterwards."""
    format = disk.info.format
    require_ability(format, "create", disk.name)
    size = min(disk.info.virtual_size, SPAN) // 512 * 512
    folder = disk.top.host_path.parent
    require_room(folder, size, "the scratch image")
    with scratch_folder(folder) as place:
        image = place / "scratch"
        create_image(image, format, size)
        yield Disk(examine(DiskSource(image, format)))
