"""imgtools create."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output
from imgtools.cli.command.option_names import old
from imgtools.cli.command.shared_options import Overwrite
from imgtools.cli.output.disk import (
    BackingFormat,
    CreateOptions,
    NewKey,
    PreallocationOption,
    Target,
    secret_from,
    words,
)
from imgtools.cli.output.views import Cell, Facts
from imgtools.records.request import Backing
from imgtools.units import format_both

if TYPE_CHECKING:
    from imgtools.workflows.create import CreateReport

SECTION = "Make images"
EXAMPLES = (
    "imgtools create disk.qcow2 20G",
    "imgtools create overlay.qcow2 --backing-file base.qcow2 --backing-format qcow2",
    "imgtools create --output-format raw --preallocation falloc disk.img 8G",
    "imgtools create -o cluster_size=128K -o lazy_refcounts=on disk.qcow2 100G",
    "imgtools create --new-key file:pass.txt secret.qcow2 10G",
)
NOTES = """
qemu-img create writes over a file that is there without asking. It takes a backing file's name relative to the new
image, says nothing of a file of that name where you stand, records whatever you typed, and lets an overlay be smaller
than what it covers.
For vpc it makes the disk larger than you said, because old BIOSes want a geometry. A killed or full-disk create
leaves half an image. Here the target has to be new, the backing file and all it names are read and judged before,
its name is recorded relative where both are in one folder, its format always, and the file appears under its name
when it is complete.
"""

OutputFormat = Annotated[
    str | None,
    typer.Option(
        *names.OUTPUT_FORMAT.words,
        metavar="FORMAT",
        help="Format; default: by the file's suffix, else qcow2.",
    ),
    old("--format", "-f"),  # -f as qemu-img create
]
BackingFile = Annotated[
    Path | None,
    typer.Option(
        *names.BACKING_FILE.words,
        metavar="FILE",
        help="Create an overlay of this image, named from its folder or yours.",
    ),
    old("--backing"),
]


def command(
    out: Output,
    target: Target,
    size: Annotated[
        str,
        typer.Argument(
            metavar="SIZE", help="Size of the disk: 512M, 20G, 1.5T. Default: the backing file's."
        ),
    ] = "",
    output_format: OutputFormat = None,
    backing_file: BackingFile = None,
    backing_format: BackingFormat = None,
    option: CreateOptions = None,
    preallocation: PreallocationOption = None,
    new_key: NewKey = None,
    policy: Annotated[
        Backing,
        typer.Option(*names.BACKING_POLICY.words, help="Which other files the backing file may name."),
        old("--chain"),
    ] = Backing.SAME_DIR,
    shrink: Annotated[
        bool, typer.Option("--shrink", help="Allow less than the backing file's size.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Create a disk image.

    Sizes are powers of 1024. The format is said with -O or by the file's suffix. An overlay (--backing-file) always
    records the format of its backing file, so that no guest can choose it. What -o takes is checked against what
    this QEMU knows of the format.
    """
    from imgtools.workflows.create import CreateRequest, create

    request = CreateRequest(
        target=target,
        size=size,
        format=output_format,
        backing=backing_file,
        backing_format=backing_format,
        options=words(option),
        preallocation=preallocation.value if preallocation else "",
        secret=secret_from(new_key, f"Passphrase for {target}: "),
        policy=policy,
        shrink=shrink,
        overwrite=overwrite,
    )
    with out.progress("create") as progress:
        report = create(request, progress)
    out.show(report, schema="imgtools.create/1", view=lambda: _facts(report))


def _facts(report: CreateReport) -> Facts:
    pairs: list[tuple[str, Cell]] = [("image", report.image), ("format", report.format)]
    pairs += [
        ("virtual size", format_both(report.virtual_size)),
        ("size on host", format_both(report.actual_size)),
    ]
    if report.backing:
        pairs += [("backing file", report.backing), ("backing format", report.backing_format)]
    if report.encryption:
        pairs.append(("encryption", report.encryption))
    if len(report.files) > 1:
        pairs += [("file", name) for name in report.files]
    return Facts(pairs)
