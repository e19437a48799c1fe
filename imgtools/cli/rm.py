"""imgtools rm."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools rm disk.qcow2 /etc/nologin --write",
    "imgtools rm -r disk.qcow2 '/var/cache/app/*' --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files to remove, or patterns.", show_default=False)
    ],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Directories too, with all below them.")
    ] = False,
    force: Annotated[bool, typer.Option(*names.FORCE.words, "-f", help="What is not there is fine.")] = False,
) -> None:
    """Remove files of the guest.

    A path may be a shell pattern; quote it. A link is removed itself, never what it leads to.
    """
    from imgtools.workflows.rm import remove_files

    with out.progress("Writing") as progress:
        report = remove_files(source, target, paths, recursive=recursive, force=force, progress=progress)
    show_plan(out, report)
