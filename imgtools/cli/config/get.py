"""imgtools config get."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Column, Lines, Table, View

WAITS = True
EXAMPLES = (
    "imgtools config get disk.qcow2 /files/etc/ssh/sshd_config/PermitRootLogin",
    "imgtools config get disk.qcow2 /etc/hosts/1/ipaddr /etc/hosts/1/canonical",
)


def command(
    source: Source,
    out: Output,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Augeas paths.", show_default=False)],
    lens: Annotated[str, typer.Option("--lens", metavar="LENS", help="Parse with this lens: Sshd.lns.")] = "",
) -> None:
    """Print values of configuration files.

    One value is printed alone; several as a table of path and value. Nothing boots for it.
    """
    from imgtools.workflows.config import get_values

    report = get_values(source, paths, lens=lens)
    table = Table(
        (Column("Path"), Column("Value", style="bold", prose=True)),
        [(one.path, one.value) for one in report.values],
    )
    view: View = Lines([report.values[0].value or ""]) if len(report.values) == 1 else table
    out.show(report, schema="imgtools.config/1", view=lambda: view)
