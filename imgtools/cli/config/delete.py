"""imgtools config delete."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan

if TYPE_CHECKING:
    from imgtools.workflows.writing import PlanReport, ReadyVerb

EXAMPLES = (
    "imgtools config delete disk.qcow2 /files/etc/ssh/sshd_config/PermitRootLogin --write",
    "imgtools config delete disk.qcow2 \"/files/etc/fstab/*[file='/data']\" --write",
)

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Augeas paths.", show_default=False)]
Lens = Annotated[str, typer.Option("--lens", metavar="LENS", help="Parse with this lens: Sshd.lns.")]


def command(
    source: Source,
    target: Target,
    out: Output,
    paths: Paths,
    lens: Lens = "",
) -> None:
    """Delete nodes of configuration files.

    All nodes that an expression matches go, with what is below them.
    """
    verb = ready(paths, lens)
    with out.progress("Writing") as progress:
        report = verb(source, target, progress=progress)
    show_plan(out, report)


def ready(paths: Paths, lens: Lens = "") -> ReadyVerb[PlanReport]:
    """Return what these words ask for, for any image."""
    from imgtools.workflows.config import change_values

    return partial(change_values, settings=tuple((path, None) for path in paths), lens=lens)
