"""imgtools clone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command import Output, Source
from imgtools.cli.output import Column, Table
from imgtools.errors import UsageError

EXAMPLES = (
    "imgtools clone template.qcow2 -n web1 -n web2 --linked",
    "imgtools clone template.qcow2 -n db1 --output-dir /var/lib/images --hostname '{name}.example.org'",
    "imgtools clone template.qcow2 --table clones.csv",
)
NOTES = """
A clone is a new qcow2 file `NAME.qcow2`; no file that is there is ever replaced. All are planned before the first
is made, and each is made whole or not at all. A linked clone holds only what differs: the template must stay where
it is, unchanged. A table has the columns `name`, `hostname` and `ssh_key` (`USER:KEY`): CSV with a header, or a
YAML list of mappings.
"""


def command(
    source: Source,
    out: Output,
    names: Annotated[
        list[str] | None, typer.Option("--name", "-n", metavar="NAME", help="Name of a clone; repeat it.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--table", metavar="FILE", help="A CSV or YAML table of clones.")
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output-dir", metavar="DIR", help="Where the clones go; else beside the template."),
    ] = None,
    linked: Annotated[bool, typer.Option("--linked", help="Make overlays that need the template.")] = False,
    hostname: Annotated[
        str, typer.Option("--hostname", metavar="PATTERN", help="Host name of each; {name} is its name.")
    ] = "{name}",
    unprepared: Annotated[
        bool, typer.Option("--unprepared", help="Also clone a template that was never prepared.")
    ] = False,
) -> None:
    """Make clones of a template.

    The template has to be prepared by sysprep. Each clone gets its own host name.
    """
    from imgtools.workflows.clone import clone
    from imgtools.workflows.clone_table import CloneRow, read_table

    rows = [CloneRow(name) for name in names or ()] + list(read_table(table) if table else ())
    if not rows:
        raise UsageError("no clone is named", hint="-n NAME, or --table FILE")
    folder = output_dir or source.host_path.parent
    with out.progress("Cloning") as progress:
        report = clone(
            source, rows, folder, linked=linked, hostname=hostname, unprepared=unprepared, progress=progress
        )
    shown = Table((Column("Clone"),), [(str(path),) for path in report.clones])
    out.show(report, schema="imgtools.clone/1", view=lambda: shown)
