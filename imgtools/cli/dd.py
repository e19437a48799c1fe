"""imgtools dd."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskState, Output, Write
from imgtools.cli.command.option_names import old
from imgtools.cli.output.disk import Target, show_plan

SECTION = "Make images"
EXAMPLES = (
    "imgtools dd --bs 1M --skip 1 --count 512 disk.qcow2 partition.raw",
    "imgtools dd --bs 1M --seek 1 --write partition.raw disk.qcow2",
    "imgtools dd --directly --write disk.qcow2 /dev/vg0/guest",
    "imgtools dd --snapshot before disk.qcow2 before.vdi",
)
NOTES = """
qemu-img dd counts the blocks that it skips: skip=2 count=4 copies two blocks, and skip=4 count=2 none at all, with
exit code 0. It has no seek, shows no progress, writes over a target that is there, and its block size is 512. dd on
an image file works only for raw, and truncates the target. Here a new target is made beside its place and gets its
name when it is complete; into an image that is there only the stretch is written, and only with --write; what lies
around it stays. The change is kept beside the image until it is complete, so that a cut or a full host leaves the
image as it was. That takes room (for the whole image where it is not raw, qcow2 or luks, because a copy takes its
place), and twice the time: --directly goes without, for a whole disk onto a block device for instance. (A vmdk in
several files, and an image on a backing file that is encrypted or not qcow2, are always written directly; the plan
says so.) A stretch that does not fit is an error before anything is written, and so is a target that other images
of its folder stand on.
"""


def command(
    disk: DiskState,
    write: Write,
    out: Output,
    target: Target,
    output_format: Annotated[
        str | None,
        typer.Option(
            *names.OUTPUT_FORMAT.words,
            metavar="FORMAT",
            help="Format of the target; a new one: else by its suffix.",
        ),
        old("--target-format"),
    ] = None,
    bs: Annotated[str, typer.Option("--bs", metavar="SIZE", help="Bytes of a block.")] = "64K",
    count: Annotated[int | None, typer.Option("--count", min=1, help="Blocks to copy; default: all.")] = None,
    skip: Annotated[int, typer.Option("--skip", min=0, help="Blocks of the source to leave out first.")] = 0,
    seek: Annotated[int, typer.Option("--seek", min=0, help="Blocks of the target to leave first.")] = 0,
    force: Annotated[
        bool, typer.Option(*names.FORCE.words, help="Although other images stand on the target.")
    ] = False,
    directly: Annotated[
        bool,
        typer.Option("--directly", help="Write at once, without a way back: half of it stays if it is cut."),
    ] = False,
) -> None:
    """Copy a stretch of a disk into an image, a new one or not.

    The bytes are those that a guest reads, whatever the two formats are.
    """
    from imgtools.workflows.dd import DdRequest, copy_part

    request = DdRequest(disk, target, output_format, bs, count, skip, seek, write, force, directly)
    with out.progress("copy") as progress:
        report = copy_part(request, progress)
    show_plan(out, report, schema="imgtools.dd/2")
