"""imgtools compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskState, Output
from imgtools.cli.command.option_names import old
from imgtools.cli.output.views import Lines
from imgtools.records.image import disk_named

if TYPE_CHECKING:
    from imgtools.workflows.compare import CompareReport

SECTION = "Look after images"
EXAMPLES = (
    "imgtools compare disk.raw disk.qcow2",
    "imgtools compare --snapshot before disk.qcow2 restored.qcow2 && echo the same",
    "imgtools compare --strict --other-format raw a.img b.img",
)
NOTES = """
qemu-img compare guesses both formats, speaks only prose, and ends with 1 when the images differ and with 2, 3 or 4
when it could not tell. Here exit code 1 means that they differ and nothing else; what could not be read is an error
of its own. An internal snapshot can be compared too.
"""


def command(
    disk: DiskState,
    out: Output,
    other: Annotated[
        str, typer.Argument(metavar="OTHER", help="The image to compare with.", show_default=False)
    ],
    other_format: Annotated[
        str | None,
        typer.Option(
            *names.OTHER_FORMAT.words, metavar="FORMAT", help="Its format; without it, it is found."
        ),
        old("-F"),  # as qemu-img compare
    ] = None,
    other_snapshot: Annotated[
        str | None,
        typer.Option(*names.OTHER_SNAPSHOT.words, metavar="NAME", help="Its internal snapshot."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Sizes and allocation have to be the same too.")
    ] = False,
) -> None:
    """Compare what two images hold.

    They are compared as a guest reads them, whatever their formats. If one is longer, the rest of it has to be
    zeros. Exit code 1 if they differ; the first byte that differs is told.
    """
    from imgtools.workflows.compare import compare

    with out.progress("compare") as progress:
        second = disk_named(other, other_format, other_snapshot, remote=disk.disks[0].remote)
        report = compare(disk, second, strict=strict, progress=progress)
    out.show(report, schema="imgtools.compare/1", view=lambda: Lines(_lines(report)))
    if not report.identical:
        raise typer.Exit(1)


def _lines(report: CompareReport) -> list[str]:
    if report.identical:
        return ["identical"]
    if report.offset is None:
        return [f"different: {report.reason}"]
    return [f"different from byte {report.offset} on"]
