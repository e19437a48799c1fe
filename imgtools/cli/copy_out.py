"""imgtools copy-out."""

from __future__ import annotations

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
    "imgtools copy-out disk.qcow2 /etc/nginx ./nginx-of-guest",
    "imgtools copy-out disk.qcow2 /var/log /home/alice .",
    "imgtools copy-out disk.qcow2 '/home/*/.ssh/authorized_keys' '/etc/ssh/*.pub' ./keys",
    r"imgtools copy-out win.vmdk 'C:\Users\alice\Documents' .",
)
NOTES = """
The guest's names are not trusted: nothing is made outside the folder that you name, links are copied and never
followed, device nodes are left out, and programs lose their set-id bits. A file that is in the way is an error, or is
replaced with `--overwrite` when its copy is complete; a folder never is.
"""


def command(
    source: Source,
    out: Output,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH... FOLDER", help="Guest files, then a folder of the host.", show_default=False
        ),
    ],
    owners: Annotated[
        bool | None,
        typer.Option("--owners/--no-owners", help="Keep user and group ids; without it, if root."),
    ] = None,
    overwrite: OverwriteNew = False,
) -> None:
    """Copy files and directories of the guest to the host.

    Nothing boots for it. A PATH may be a shell pattern; quote it. Modes, times, links and holes are kept. If one of the
    files cannot be read, the others are copied, a warning says which, and the exit code is 1.
    """
    from imgtools.workflows.copy_out import copy_out

    if len(paths) < 2:
        raise UsageError("copy-out needs a path of the guest and a folder of the host")
    with out.progress("Copying") as progress:
        report = copy_out(
            source, paths[:-1], Path(paths[-1]), owners=owners, overwrite=overwrite, progress=progress
        )
    facts = Facts(
        (
            ("folder", report.folder),
            ("files", report.files),
            ("directories", report.directories),
            ("links", report.links),
            ("size", format_size(report.size)),
        )
    )
    out.show(report, schema="imgtools.copy-out/1", view=lambda: facts)
    if report.incomplete:
        raise typer.Exit(1)
