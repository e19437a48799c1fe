"""imgtools tar-out."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.command.shared_options import OverwriteNew
from imgtools.cli.output.views import Facts
from imgtools.errors import UsageError
from imgtools.units import format_size

SECTION = "Read files of a guest"
EXAMPLES = (
    "imgtools tar-out disk.qcow2 /etc etc.tar.gz",
    "imgtools tar-out disk.qcow2 / - | ssh backup 'cat > root.tar'",
    "imgtools tar-out --compression zst disk.qcow2 /home home.archive",
)


def command(
    source: Source,
    out: Output,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A directory or file of the guest.", show_default=False)
    ],
    archive: Annotated[
        str,
        typer.Argument(metavar="ARCHIVE", help="The new tar file; - is standard output.", show_default=False),
    ],
    compression: Annotated[
        str | None,
        typer.Option(
            "--compression", metavar="KIND", help="none, gz, xz, bz2 or zst; without it, by the name."
        ),
    ] = None,
    overwrite: OverwriteNew = False,
) -> None:
    """Write files of the guest into a tar archive.

    Nothing boots for it. Owners, modes, times, hard links, device nodes and extended attributes are kept; names
    are relative to the directory. If one of them cannot be read, the others are packed, a warning says which, and the
    exit code is 1; one that is damaged in the middle is filled up with zeros.
    """
    from imgtools.workflows.tar_out import tar_out

    to_stdout = archive == "-"
    if to_stdout and (out.json or sys.stdout.isatty()):
        raise UsageError("an archive does not go to a terminal, nor beside JSON", hint="name a file")
    if to_stdout and overwrite:
        raise UsageError("--overwrite is about a file, and the archive goes to standard output")
    host_path = None if to_stdout else Path(archive)
    with out.progress("Packing") as progress:
        report = tar_out(
            source,
            path,
            host_path,
            sys.stdout.buffer if to_stdout else BytesIO(),
            compression=compression,
            overwrite=overwrite,
            progress=progress,
        )
    if to_stdout:
        for warning in report.warnings:
            out.warn(warning)
        raise typer.Exit(int(report.incomplete))
    facts = Facts(
        (("archive", report.archive), ("members", report.members), ("size", format_size(report.size)))
    )
    out.show(report, schema="imgtools.tar-out/1", view=lambda: facts)
    if report.incomplete:
        raise typer.Exit(1)
