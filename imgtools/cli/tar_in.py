"""imgtools tar-in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools tar-in disk.qcow2 site.tar.gz /srv --write",
    "zstd -dc root.tar.zst | imgtools tar-in disk.qcow2 - / --output new.qcow2",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    archive: Annotated[str, typer.Argument(metavar="ARCHIVE", help="A tar file; - is standard input.")],
    to: Annotated[str, typer.Argument(metavar="DIRECTORY", help="Where to unpack it in the guest.")],
) -> None:
    """Unpack a tar archive into the guest.

    Plain, gzip, xz, bzip2 and zstd are told apart by their bytes. It is unpacked as GNU tar does with
    "-p --numeric-owner --xattrs": owners, modes, times, links, holes, device nodes and extended attributes are kept,
    and what has a member's name is replaced, not written through. Directories that are there stay as they are, and so
    do links to directories. A member whose name leads upwards is left out with a warning, and so is one that would
    go through a link of the archive out of the directory.
    """
    from imgtools.workflows.tar_in import tar_in

    host_path = None if archive == "-" else Path(archive)
    with out.progress("Unpacking") as progress:
        report = tar_in(source, target, host_path, sys.stdin.buffer, to, progress=progress)
    show_plan(out, report)
