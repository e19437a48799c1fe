"""imgtools config set."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.errors import UsageError

EXAMPLES = (
    "imgtools config set disk.qcow2 /files/etc/ssh/sshd_config/PermitRootLogin no --write",
    "imgtools config set disk.qcow2 /etc/hosts/1/canonical web1 /etc/hosts/1/alias[1] web1.lan --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    words: Annotated[
        list[str],
        typer.Argument(metavar="PATH VALUE...", help="Augeas paths and their values.", show_default=False),
    ],
    lens: Annotated[str, typer.Option("--lens", metavar="LENS", help="Parse with this lens: Sshd.lns.")] = "",
) -> None:
    """Set values in configuration files.

    Several pairs of PATH and VALUE are one transaction. Comments and layout of the files stay.
    """
    from imgtools.workflows.config import change_values

    if len(words) % 2:
        raise UsageError("config set takes pairs of PATH and VALUE", hint="quote a value that has spaces")
    settings: list[tuple[str, str | None]] = list(zip(words[::2], words[1::2], strict=True))
    with out.progress("Writing") as progress:
        report = change_values(source, target, settings, lens=lens, progress=progress)
    show_plan(out, report)
