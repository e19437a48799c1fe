"""imgtools chmod."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools chmod disk.qcow2 0600 /etc/ssh/ssh_host_rsa_key --write",
    "imgtools chmod -R disk.qcow2 go-w,a+rX /srv/www --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    mode: Annotated[str, typer.Argument(metavar="MODE", help="0644 or u+rw,go-w.", show_default=False)],
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files and directories.", show_default=False)
    ],
    recursive: Annotated[bool, typer.Option("--recursive", "-R", help="All below directories too.")] = False,
) -> None:
    """Change permissions in the guest.

    MODE is as for chmod(1): octal digits, or letters such as u+rw,go-w. What already has the mode is no change.
    """
    from imgtools.workflows.chmod import change_modes

    with out.progress("Writing") as progress:
        report = change_modes(source, target, mode, paths, recursive=recursive, progress=progress)
    show_plan(out, report)
