"""imgtools bench."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output
from imgtools.cli.output.views import Cell, Facts
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.workflows.bench import BenchReport

SECTION = "Look after images"
WAITS = True
EXAMPLES = (
    "imgtools bench disk.qcow2",
    "imgtools bench --size 4K --depth 32 --count 100000 disk.qcow2",
    "imgtools bench --writes --json disk.qcow2",
)
NOTES = """
qemu-img bench -w overwrites the image it measures, which the guest in it does not survive, and it prints a
sentence. Here writes go to an empty image of the same format in the same folder, at most 1 GiB large, which is gone
afterwards; the image itself is only read. The host's cache is left aside (--cache none) unless you say otherwise,
because with it one measures the memory.
"""


class Cache(StrEnum):
    """The host's cache."""

    NONE = "none"
    WRITEBACK = "writeback"
    UNSAFE = "unsafe"


class Aio(StrEnum):
    """How QEMU sends requests to the host."""

    THREADS = "threads"
    NATIVE = "native"
    IO_URING = "io_uring"


def command(
    disk: DiskFile,
    out: Output,
    writes: Annotated[bool, typer.Option("--writes", help="Measure writes, on a scratch image.")] = False,
    count: Annotated[int, typer.Option("--count", "-c", min=1, help="How many requests.")] = 10_000,
    size: Annotated[str, typer.Option("--size", "-s", metavar="SIZE", help="Bytes of each.")] = "64K",
    depth: Annotated[int, typer.Option("--depth", "-d", min=1, max=1024, help="How many at a time.")] = 16,
    step: Annotated[
        str, typer.Option("--step", metavar="SIZE", help="From one to the next; default: --size.")
    ] = "",
    offset: Annotated[str, typer.Option("--offset", metavar="SIZE", help="Where to begin.")] = "",
    cache: Annotated[Cache, typer.Option("--cache", help="The host's cache.")] = Cache.NONE,
    aio: Annotated[Aio, typer.Option("--aio", help="How requests are sent.")] = Aio.THREADS,
) -> None:
    """Measure how fast an image is read, or one like it written."""
    from imgtools.workflows.bench import BenchRequest, bench

    report = bench(
        BenchRequest(
            source=disk,
            write=writes,
            count=count,
            size=size,
            depth=depth,
            step=step,
            offset=offset,
            cache=cache.value,
            aio=aio.value,
        )
    )
    out.show(report, schema="imgtools.bench/1", view=lambda: Facts(_pairs(report)))


def _pairs(report: BenchReport) -> list[tuple[str, Cell]]:
    what = f"{report.count} {report.operation}s of {format_size(report.size)}, {report.depth} at a time"
    return [
        ("requests", what),
        ("seconds", f"{report.seconds:.3f}"),
        ("requests a second", f"{report.requests_per_second:.0f}"),
        ("bytes a second", format_size(int(report.bytes_per_second))),
    ]
