"""imgtools config delete."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan

EXAMPLES = (
    "imgtools config delete disk.qcow2 /files/etc/ssh/sshd_config/PermitRootLogin --write",
    "imgtools config delete disk.qcow2 \"/files/etc/fstab/*[file='/data']\" --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Augeas paths.", show_default=False)],
    lens: Annotated[str, typer.Option("--lens", metavar="LENS", help="Parse with this lens: Sshd.lns.")] = "",
) -> None:
    """Delete nodes of configuration files.

    All nodes that an expression matches go, with what is below them.
    """
    from imgtools.workflows.config import change_values

    settings: list[tuple[str, str | None]] = [(path, None) for path in paths]
    with out.progress("Writing") as progress:
        report = change_values(source, target, settings, lens=lens, progress=progress)
    show_plan(out, report)
