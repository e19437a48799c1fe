"""imgtools convert."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskState, Output
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
from imgtools.cli.output.views import Facts
from imgtools.units import format_both

if TYPE_CHECKING:
    from imgtools.workflows.convert import ConvertReport

SECTION = "Make images"
EXAMPLES = (
    "imgtools convert disk.vmdk disk.qcow2",
    "imgtools convert --compress zstd --verify disk.raw template.qcow2",
    "imgtools convert --snapshot before-upgrade disk.qcow2 old.raw",
    "imgtools convert -O vmdk -o subformat=streamOptimized disk.qcow2 export.vmdk",
    "imgtools convert --sparse-guest --compress zstd disk.raw template.qcow2",
    "imgtools convert --overwrite disk.qcow2 /dev/vg0/guest",
)
NOTES = """
qemu-img convert guesses the source's format from bytes that a guest may have written, follows every name in it,
reads the missing end of a truncated image as zeros and ends with exit code 0, writes over a target that is there,
and leaves half a target when the disk fills or someone kills it. It never says whether the copy is on the disk yet,
also when it has just taken the place of the only other one. Internal snapshots are lost without a word.

Here the source's whole chain is read and judged first, cuts in it are found from its tables, the room is compared
with what the result needs, the target is written beside its place and gets its name when it is complete; with --sync,
or where it replaces a file, when it is on the host's disk. With --verify both are read again and compared before that.
A raw file becomes a raw or an ordinary qcow2 image without qemu-img, in less time
([why](../decisions/raw-is-copied-by-us.md)); all else is qemu-img's work.
Onto a block device (a logical volume of the host) the bytes are written in place: that needs --overwrite, and cannot be
undone.
"""


class Compression(StrEnum):
    """How clusters are compressed."""

    ZLIB = "zlib"
    ZSTD = "zstd"


OutputFormat = Annotated[
    str | None,
    typer.Option(
        *names.OUTPUT_FORMAT.words,
        metavar="FORMAT",
        help="Format; default: by the file's suffix, else qcow2.",
    ),
]
Sparse = Annotated[
    str,
    typer.Option("--sparse", metavar="SIZE", help="So many zeros become a hole; default 4K, off: no holes."),
]
BackingFile = Annotated[
    Path | None,
    typer.Option(*names.BACKING_FILE.words, metavar="FILE", help="Keep an overlay an overlay, of this file."),
    old("--target-backing", "-B"),  # -B as qemu-img convert
]
Parallel = Annotated[
    int | None,
    typer.Option(
        *names.PARALLEL.words,
        min=1,
        max=16,
        help="Requests in flight of qemu-img: 4, with --compress one a processor.",
    ),
    old("--jobs"),
]
Sync = Annotated[
    bool,
    typer.Option("--sync", help="Wait until the host's disk has all of it, as where a file is replaced."),
]
SparseGuest = Annotated[
    bool,
    typer.Option(
        "--sparse-guest", help="Leave out what nothing in the guest uses, as sparsify --output does."
    ),
]
Salvage = Annotated[
    bool, typer.Option("--salvage", help="Go on where the source cannot be read; zeros take its place.")
]


def command(
    source: DiskState,
    out: Output,
    target: Target,
    output_format: OutputFormat = None,
    option: CreateOptions = None,
    compress: Annotated[
        Compression | None, typer.Option("--compress", "-c", help="Compress (qcow2, qcow, vmdk).")
    ] = None,
    sparse: Sparse = "",
    parallel: Parallel = None,
    preallocation: PreallocationOption = None,
    new_key: NewKey = None,
    backing_file: BackingFile = None,
    backing_format: Annotated[BackingFormat, old("--target-backing-format")] = None,
    bitmaps: Annotated[bool, typer.Option("--bitmaps", help="Copy persistent bitmaps too (qcow2).")] = False,
    salvage: Salvage = False,
    rate: Annotated[str, typer.Option("--rate", metavar="SIZE", help="At most so many bytes a second.")] = "",
    verify: Annotated[bool, typer.Option("--verify", help="Read both again and compare.")] = False,
    overwrite: Overwrite = False,
    sync: Sync = False,
    sparse_guest: SparseGuest = False,
) -> None:
    """Copy an image into another format.

    All formats that QEMU reads, into all that it writes. A chain becomes one image; --snapshot takes an internal
    snapshot instead of the present state. The source is never changed.

    The new file gets its name when it is complete. As after cp, the host's disk may have it half a minute later: to
    delete the source afterwards, use --sync. A file that is replaced (--overwrite) only goes when the disk has the new.
    """
    from imgtools.records.free_room import Wish
    from imgtools.workflows.convert import ConvertRequest, convert

    request = ConvertRequest(
        source=source,
        target=target,
        format=output_format,
        options=words(option),
        compress=compress.value if compress else "",
        sparse=sparse,
        jobs=parallel,
        preallocation=preallocation.value if preallocation else "",
        secret=secret_from(new_key, f"Passphrase for {target}: "),
        backing=backing_file,
        backing_format=backing_format,
        bitmaps=bitmaps,
        salvage=salvage,
        rate=rate,
        verify=verify,
        overwrite=overwrite,
        durable=sync,
        without_free=Wish() if sparse_guest else None,
    )
    with out.progress("convert") as progress, out.progress("verify") as checking:
        report = convert(request, progress, checking)
    out.show(report, schema="imgtools.convert/1", view=lambda: _facts(report))


def _facts(report: ConvertReport) -> Facts:
    pairs = [
        ("image", report.target),
        ("format", report.format),
        ("virtual size", format_both(report.virtual_size)),
    ]
    pairs += [("size on host", format_both(report.actual_size)), ("seconds", f"{report.seconds:.1f}")]
    return Facts([*pairs, ("verified", "yes")] if report.verified else pairs)
