"""imgtools compare."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskState, Output
from imgtools.cli.command.naming import other_guest
from imgtools.cli.command.option_names import old
from imgtools.cli.command.shared_options import OtherDomain
from imgtools.cli.output.views import Lines
from imgtools.errors import UsageError
from imgtools.records.image import DiskSource, disk_named
from imgtools.records.request import ImageRequest

if TYPE_CHECKING:
    from imgtools.workflows.compare import CompareReport

SECTION = "Look after images"
EXAMPLES = (
    "imgtools compare disk.raw disk.qcow2",
    "imgtools compare --snapshot before disk.qcow2 restored.qcow2 && echo the same",
    "imgtools compare -d web1 backup.qcow2",
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
        str | None, typer.Argument(metavar="OTHER", help="The image to compare with.", show_default=False)
    ] = None,
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
    other_domain: OtherDomain = None,
    other_disk: Annotated[
        str,
        typer.Option(
            *names.OTHER_DISK.words, metavar="TARGET", help="Which disk of the second guest: vda, sdb."
        ),
    ] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="Sizes and allocation have to be the same too.")
    ] = False,
) -> None:
    """Compare what two images hold.

    They are compared as a guest reads them, whatever their formats. If one is longer, the rest of it has to be
    zeros. Exit code 1 if they differ; the first byte that differs is told.
    """
    from imgtools.workflows.compare import compare

    first, second = _pair(disk, other, other_format, other_snapshot, other_domain, other_disk)
    with out.progress("compare") as progress:
        report = compare(first, second, strict=strict, progress=progress)
    out.show(report, schema="imgtools.compare/1", view=lambda: Lines(_lines(report)))
    if not report.identical:
        raise typer.Exit(1)


def _pair(
    first: ImageRequest,
    other: str | None,
    image_format: str | None,
    snapshot: str | None,
    domain: str | None,
    target: str,
) -> tuple[ImageRequest, DiskSource]:
    """Return both images; the keys of a second guest of libvirt are asked together with the first one's."""
    if (other is None) == (domain is None):
        raise UsageError("compare with what?", hint="name one: OTHER, or --other-domain NAME")
    if other is not None:
        return first, disk_named(other, image_format, snapshot, remote=first.disks[0].remote)
    if image_format is not None:
        raise UsageError("--other-format is that of a file, and a guest is named", hint="leave it away")
    second = other_guest(first, domain or "", snapshot, target)
    return replace(second, disks=first.disks), second.disks[0]


def _lines(report: CompareReport) -> list[str]:
    if report.identical:
        return ["identical"]
    if report.offset is None:
        return [f"different: {report.reason}"]
    return [f"different from byte {report.offset} on"]
