"""How large an image would become in another format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from imgtools.disk.formats import check_options, known_format, parse_options, require_ability
from imgtools.disk.image_file import Disk, Extent, Measured, measure_size, open_disk
from imgtools.disk.sources.opening import opened_disk
from imgtools.errors import UsageError
from imgtools.records.request import ImageRequest
from imgtools.records.system import Warned
from imgtools.units import parse_size

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
ON = frozenset({"on", "yes", "true", "y"})


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
        found = measure_size(length, format, pairs) if exact else _estimate(format, length, pairs, iter(()))
        return MeasureReport(
            "", format, length, found.required, found.fully_allocated, found.bitmaps, not exact
        )
    with opened_disk(request) as source:
        return _measured(open_disk(source), format, pairs, exact=exact)


def _measured(disk: Disk, format: str, pairs: Sequence[tuple[str, str]], *, exact: bool) -> MeasureReport:
    length = disk.virtual_size
    if exact:
        found = disk.measure(format, pairs)
    else:
        with disk.extents_read() as extents:
            found = _estimate(format, length, pairs, extents)
    return MeasureReport(
        image=disk.name,
        format=format,
        virtual_size=length,
        required=found.required,
        fully_allocated=found.fully_allocated,
        bitmaps=found.bitmaps,
        estimated=not exact,
        warnings=disk.warnings,
    )


def _estimate(
    format: str, size: int, options: Sequence[tuple[str, str]], extents: Iterator[Extent]
) -> Measured:
    """Count the blocks that hold data, in the block size that QEMU gives a new image of this format."""
    block, start, each = _shape(format, size, dict(options))
    blocks = -(-size // block) if block else 0
    used, last = 0, -1
    for extent in extents if block else ():
        if not extent.data or extent.zero:
            continue
        first = max(extent.start // block, last + 1)
        final = (extent.start + extent.length - 1) // block
        used += max(0, final - first + 1)
        last = max(last, final)
    return Measured(start + used * (block + each), start + blocks * (block + each))


def _shape(format: str, size: int, options: Mapping[str, str]) -> tuple[int, int, int]:
    """Return a format's block size, the bytes before its first block, and those that each block adds.

    A block size of 0: all of the disk is there at once. Sources: the create functions of
    block/{vdi,vpc,vhdx,vmdk,qed,qcow,parallels,crypto}.c in QEMU 7.2.
    """
    kind = options.get("subformat", "")
    match format:
        case "vdi":
            header = 512 + -(-size // MIB) * 4
            return (0, header + size, 0) if options.get("static") in ON else (MIB, header, 0)
        case "vpc" if kind == "fixed":
            return 0, size + 512, 0
        case "vpc":
            return 2 * MIB, 2560 + -(-size // (2 * MIB)) * 4, 512
        case "vhdx":
            # A conversion to a fixed one writes its blocks behind those that are there already.
            header = 7 * MIB + parse_size(options.get("log_size", "1M"))
            return _vhdx_block(size, options), header + (size if kind == "fixed" else 0), 0
        case "vmdk" if kind.endswith("Flat"):
            return 0, size + 512, 0
        case "vmdk":
            grains = -(-size // (64 * KIB))
            return 64 * KIB, 64 * KIB + 2 * -(-grains * 4 // 512) * 512, 0
        case "qed":
            cluster = parse_size(options.get("cluster_size", "64K"))
            table = cluster * parse_size(options.get("table_size", "4"))
            return cluster, cluster + table + -(-size // (table // 8 * cluster)) * table, 0
        case "qcow":
            return 4 * KIB, 48 + -(-size // (2 * MIB)) * 8, 8
        case "parallels":
            cluster = parse_size(options.get("cluster_size", "1M"))
            return cluster, -(-(64 + -(-size // cluster) * 4) // cluster) * cluster, 0
        case _:  # luks: a header, and the disk in full
            return 512, 2 * MIB, 0


def _vhdx_block(size: int, options: Mapping[str, str]) -> int:
    wanted = parse_size(options.get("block_size", "0"))
    by_size = ((32 << 40, 64), (100 * GIB, 32), (GIB, 16))
    return wanted or next((unit for least, unit in by_size if size > least), 8) * MIB
