"""imgtools sparsify."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskFile, InPlaceOrCopy, Output
from imgtools.cli.output.views import Column, Lines, Table, View
from imgtools.errors import UsageError
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.workflows.sparsify import SparsifyReport

SECTION = "Look after images"
EXAMPLES = (
    "imgtools sparsify disk.qcow2",
    "imgtools sparsify --write disk.qcow2",
    "imgtools sparsify --ignore /dev/sda3 --no-swap --write disk.raw",
    "imgtools sparsify --output small.qcow2 -O qcow2 --compress zstd disk.raw",
    "imgtools sparsify --key /dev/sda2:file:key --discard-encrypted --write disk.qcow2",
)
NOTES = """
What counts as free: blocks that ext2, ext3, ext4, XFS, btrfs, NTFS and FAT do not use, the content of swap (its label
and UUID stay), extents of LVM that no logical volume has, and gaps between and behind partitions; not the one before
the first partition, where boot code is. A filesystem has to be found clean by its own checker, and what we read as
free has to be free by its own program too. One that is not clean is refused: `--ignore` leaves it as it is. `--ignore
VG` leaves the extents that a volume group has free.

In place, ranges are given back and nothing else is written: a hole in free room loses nothing, so a cut is harmless,
and the same command does the rest. raw and qcow2 can do that; an image with internal snapshots, or with other images
upon it, cannot. Of an overlay only what it stores itself is given back, and reads as zeros afterwards; its backing
file is left as it is.

With `--output` the image is only read, and copied in one pass with zeros in the place of what is free. The tables that
say so lie in the temporary folder, an eight-thousandth of the disk at most. `imgtools convert --sparse-guest` is the
same copy with all options of `convert`.

LUKS stays as it is. With its key and `--discard-encrypted` what is free in it is given back too: from outside one sees
then how much of it is used, and where.

[More](../sparsify.md)
"""


class Compression(StrEnum):
    """How clusters are compressed."""

    ZLIB = "zlib"
    ZSTD = "zstd"


Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="DEVICE", help="Leave it as it is; repeat it.")
]
Zero = Annotated[
    list[str] | None,
    typer.Option("--zero", metavar="DEVICE", help="Empty it, whatever it holds; repeat it."),
]
Swap = Annotated[bool, typer.Option("--swap/--no-swap", help="Give back the content of swap.")]
Encrypted = Annotated[
    bool,
    typer.Option(
        "--discard-encrypted", help="Also what is free in opened LUKS volumes, though it shows from outside."
    ),
]
OutputFormat = Annotated[
    str | None,
    typer.Option(
        *names.OUTPUT_FORMAT.words, metavar="FORMAT", help="Format of the new image; default: by its suffix."
    ),
]
Compress = Annotated[Compression | None, typer.Option("--compress", help="Compress the new image (qcow2).")]


def command(
    disk: DiskFile,
    work: InPlaceOrCopy,
    out: Output,
    ignore: Ignore = None,
    zero: Zero = None,
    swap: Swap = True,
    discard_encrypted: Encrypted = False,
    output_format: OutputFormat = None,
    compress: Compress = None,
) -> None:
    """Give the host back what nothing in the guest uses.

    In place, or with --output in a new image. Without either, or with -n, the plan is shown: how much is free in each
    filesystem, and how much of that the image stores.
    """
    if work.output is None and (output_format or compress):
        option = "--output-format" if output_format else "--compress"
        raise UsageError(f"{option} is for a new image", hint="--output FILE makes one")
    from imgtools.records.free_room import Wish
    from imgtools.workflows.sparsify import SparsifyRequest, sparsify

    wish = Wish(tuple(ignore or ()), tuple(zero or ()), swap, discard_encrypted)
    request = SparsifyRequest(
        disk,
        wish,
        work.write or work.output is not None,
        work.output,
        output_format,
        compress.value if compress else "",
        work.overwrite,
    )
    with out.progress("sparsify") as progress:
        report = sparsify(request, progress)
    out.show(report, schema="imgtools.sparsify/1", view=lambda: _view(report), pipe=lambda: _table(report))
    if not report.written:
        hint = (
            "--write does it, --output makes a new image" if report.changed else "nothing can be given back"
        )
        out.note(f"Nothing was changed; {hint}.")


def _view(report: SparsifyReport) -> list[View]:
    shown: list[View] = [_table(report)] if report.volumes else []
    lines = [f"{one.device}: left as it is: {one.reason}" for one in report.left]
    if report.written:
        where = f"{report.output}: " if report.output else ""
        before, after = format_size(report.size_before), format_size(report.size_after)
        lines.append(f"{where}{before} on the host before, {after} now")
    return [*shown, Lines(lines)] if lines else shown


def _table(report: SparsifyReport) -> Table:
    columns = ("Device", "Content", Column("Size", right=True), Column("Free", right=True))
    rows = [
        (
            one.device,
            one.content,
            format_size(one.size),
            format_size(one.free),
            format_size(one.given_back),
        )
        for one in report.volumes
    ]
    last = "Left out" if report.output else "Given back"
    return Table((*columns, Column(last, right=True)), rows)
