"""imgtools config set."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.workflows.writing import PlanReport, ReadyVerb

EXAMPLES = (
    "imgtools config set disk.qcow2 /files/etc/ssh/sshd_config/PermitRootLogin no --write",
    "imgtools config set disk.qcow2 /etc/hosts/1/canonical web1 /etc/hosts/1/alias[1] web1.lan --write",
)

Pairs = Annotated[
    list[str],
    typer.Argument(metavar="PATH VALUE...", help="Augeas paths and their values.", show_default=False),
]
Lens = Annotated[str, typer.Option("--lens", metavar="LENS", help="Parse with this lens: Sshd.lns.")]


def command(
    source: Source,
    target: Target,
    out: Output,
    words: Pairs,
    lens: Lens = "",
) -> None:
    """Set values in configuration files.

    Several pairs of PATH and VALUE are one transaction. Comments and layout of the files stay.
    """
    verb = ready(words, lens)
    with out.progress("Writing") as progress:
        report = verb(source, target, progress=progress)
    show_plan(out, report)


def ready(words: Pairs, lens: Lens = "") -> ReadyVerb[PlanReport]:
    """Return what these words ask for, for any image.

    :raises UsageError: they are not pairs.
    """
    from imgtools.workflows.config import change_values

    if len(words) % 2:
        raise UsageError("config set takes pairs of PATH and VALUE", hint="quote a value that has spaces")
    settings = tuple(zip(words[::2], words[1::2], strict=True))
    return partial(change_values, settings=settings, lens=lens)
