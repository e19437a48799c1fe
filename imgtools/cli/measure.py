"""imgtools measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import MaybeState, Output
from imgtools.cli.output.disk import CreateOptions, words
from imgtools.cli.output.views import Cell, Facts
from imgtools.units import format_both

if TYPE_CHECKING:
    from imgtools.workflows.measure import MeasureReport

SECTION = "Make images"
WAITS = True
EXAMPLES = (
    "imgtools measure disk.vmdk -O qcow2",
    "imgtools measure --size 100G -O qcow2 -o cluster_size=2M",
    "imgtools measure disk.qcow2 -O vhdx --json",
)
NOTES = """
qemu-img measure answers for raw, qcow2 and luks only. For the other formats the blocks that hold data are counted
here, in the block size that a new image of the format gets; the answer says that it is an estimate. Neither counts
what a conversion makes smaller: zeros that are written out in the image, which become holes, and compression.
"""


def command(
    disk: MaybeState,
    out: Output,
    size: Annotated[
        str, typer.Option("--size", metavar="SIZE", help="An empty disk of this size instead.")
    ] = "",
    output_format: Annotated[
        str, typer.Option(*names.OUTPUT_FORMAT.words, metavar="FORMAT", help="The format it would get.")
    ] = "qcow2",
    option: CreateOptions = None,
) -> None:
    """Tell how large an image would become in another format.

    Two numbers: the file with the data that the image holds now, and the file when every byte of the disk has been
    written. Nothing is written.
    """
    from imgtools.workflows.measure import measure

    report = measure(disk if disk.disks else None, size, output_format, words(option))
    out.show(
        report,
        schema="imgtools.measure/1",
        view=lambda: _facts(report),
        pipe=lambda: Facts([("required", report.required), ("fully allocated", report.fully_allocated)]),
    )


def _facts(report: MeasureReport) -> Facts:
    about = " (estimated)" if report.estimated else ""
    pairs: list[tuple[str, Cell]] = [("format", report.format), ("disk", format_both(report.virtual_size))]
    pairs.append(("file with the data of now", format_both(report.required) + about))
    pairs.append(("file when all is written", format_both(report.fully_allocated) + about))
    return Facts(pairs + ([("bitmaps", format_both(report.bitmaps))] if report.bitmaps else []))
