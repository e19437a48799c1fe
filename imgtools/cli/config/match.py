"""imgtools config match."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Column, Table

WAITS = True
EXAMPLES = (
    "imgtools config match disk.qcow2 '/files/etc/fstab/*/file'",
    "imgtools config match disk.qcow2 /etc/ssh/sshd_config",
)


def command(
    source: Source,
    out: Output,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Augeas paths.", show_default=False)],
    lens: Annotated[str, typer.Option("--lens", metavar="LENS", help="Parse with this lens: Sshd.lns.")] = "",
) -> None:
    """List the nodes of configuration files that an expression matches.

    The expression is that of augtool match; quote it. A file's path alone lists its top nodes.
    """
    from imgtools.workflows.config import match_nodes

    report = match_nodes(source, paths, lens=lens)
    table = Table(
        (Column("Path"), Column("Value", style="bold", prose=True)),
        [(one.path, one.value) for one in report.values],
    )
    out.show(report, schema="imgtools.config/1", view=lambda: table)
