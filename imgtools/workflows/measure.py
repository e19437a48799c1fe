"""How large an image would become in another format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.errors import UsageError
from imgtools.image.disk import Extent, Measured, measure_size, open_disk
from imgtools.image.formats import check_options, known_format, parse_options, require_ability
from imgtools.records import ImageRequest, Warned
from imgtools.units import parse_size

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True)
class MeasureReport:
    """Bytes that a file would take: for the data there is now, and when all of the disk is written."""

    image: str
    format: str
    virtual_size: int
    required: int
    fully_allocated: int
    bitmaps: int
    estimated: bool  # by us, from the data and the format's block size; else by QEMU's driver itself
    warnings: tuple[Warned, ...] = ()


def measure(
    request: ImageRequest | None, size: str, format: str, options: Sequence[str] = ()
) -> MeasureReport:
    """Tell how large an image (or an empty disk of ``size``) would become in ``format``.

    :raises UsageError: neither or both are given, or the options do not fit.
    """
    format = known_format(format)
    require_ability(format, "create")
    pairs = parse_options(options)
    check_options(format, pairs)
    if (request is None) == (not size):
        raise UsageError("give an image, or --size", hint="imgtools measure disk.vmdk -O qcow2")
    exact = format in ("raw", "qcow2")
    if request is None:
        length = parse_size(size)
        found = measure_size(length, format, pairs) if exact else _estimate(format, length, iter(()))
        return MeasureReport(
            "", format, length, found.required, found.fully_allocated, found.bitmaps, not exact
        )
    disk = open_disk(request)
    length = disk.info.virtual_size
    found = disk.measure(format, pairs) if exact else _estimate(format, length, disk.extents())
    return MeasureReport(
        image=str(disk.host_path),
        format=format,
        virtual_size=length,
        required=found.required,
        fully_allocated=found.fully_allocated,
        bitmaps=found.bitmaps,
        estimated=not exact,
        warnings=disk.warnings,
    )


def _estimate(format: str, size: int, extents: Iterator[Extent]) -> Measured:
    """Count the blocks that hold data, in the block size that QEMU gives a new image of this format."""
    block, start, each = _shape(format, size)
    blocks = -(-size // block)
    used, last = 0, -1
    for extent in extents:
        if not extent.data or extent.zero:
            continue
        first = max(extent.start // block, last + 1)
        final = (extent.start + extent.length - 1) // block
        used += max(0, final - first + 1)
        last = max(last, final)
    return Measured(start + used * (block + each), start + blocks * (block + each))


def _shape(format: str, size: int) -> tuple[int, int, int]:
    """Return a format's block size, the bytes before its first block, and those that each block adds.

    Sources: the create functions of block/{vdi,vpc,vhdx,vmdk,qed,qcow,parallels,crypto}.c in QEMU 7.2.
    """
    match format:
        case "vdi":
            return MIB, 512 + -(-size // MIB) * 4, 0
        case "vpc":
            return 2 * MIB, 2560 + -(-size // (2 * MIB)) * 4, 512
        case "vhdx":
            block = next(
                (unit for least, unit in ((32 << 40, 64), (100 * GIB, 32), (GIB, 16)) if size > least), 8
            )
            return block * MIB, 8 * MIB, 0
        case "vmdk":
            grains = -(-size // (64 * KIB))
            return 64 * KIB, 64 * KIB + 2 * -(-grains * 4 // 512) * 512, 0
        case "qed":
            return 64 * KIB, 64 * KIB + 256 * KIB + -(-size // (2 * GIB)) * 256 * KIB, 0
        case "qcow":
            return 4 * KIB, 48 + -(-size // (2 * MIB)) * 8, 8
        case "parallels":
            return MIB, MIB, 0
        case _:  # luks: a header, and the disk in full
            return 512, 2 * MIB, 0
