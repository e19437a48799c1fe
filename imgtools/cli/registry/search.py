"""imgtools registry search."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.clean import clean
from imgtools.cli.registry._options import Bare
from imgtools.cli.registry._values import format_value

WAITS = True
EXAMPLES = (
    "imgtools registry search win.qcow2 vmtools",
    r"imgtools registry search win.qcow2 'C:\\Old' --data --in 'HKLM\SYSTEM\CurrentControlSet\Services'",
    r"imgtools registry search win.qcow2 '^DefaultPassword$' --values --regex --json",
    "imgtools registry search --hive NTUSER.DAT example.com",
)


def command(
    source: Source,
    out: Output,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="In any letter case.", show_default=False)],
    keys: Annotated[bool, typer.Option("--keys", help="Look at names of keys.")] = False,
    values: Annotated[bool, typer.Option("--values", help="Look at names of values.")] = False,
    data: Annotated[bool, typer.Option("--data", help="Look at data.")] = False,
    regex: Annotated[
        bool, typer.Option("--regex", help="TEXT is one of Python's regular expressions.")
    ] = False,
    within: Annotated[
        str, typer.Option("--in", metavar="KEY", help="Only there and below; else everywhere.")
    ] = "",
    hive: Bare = False,
) -> None:
    """Look for a text in the registry: in names of keys, names of values and data.

    Numbers are looked at in decimal and with 0x, bytes as text of one and of two bytes. Each match is shown as it is
    found. Exit code 1 if there is none.
    """
    from imgtools.workflows.registry_search import Where, open_search, search

    where = Where(keys, values, data)
    if out.json:
        report = search(source, text, where=where, regex=regex, within=within, hive=hive)
        out.show(report, schema="imgtools.registry.search/1", view=lambda: ())
        found = bool(report.matches)
    else:
        found = False
        with open_search(source, text, where=where, regex=regex, within=within, hive=hive) as opened:
            for match in opened.matches:
                found = True
                words = [match.key]
                if match.value is not None:
                    words += [match.value.name or "@", match.value.type, format_value(match.value)]
                out.text("\t".join(clean(word) for word in words) + "\n")
            for warning in dict.fromkeys(opened.warnings):
                out.warn(warning)
    if not found:
        raise typer.Exit(1)
