"""imgtools registry export."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from itertools import islice
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.registry._options import Bare

LINES_AT_ONCE = 1000

WAITS = True
EXAMPLES = (
    r"imgtools registry export win.qcow2 'HKLM\SYSTEM\CurrentControlSet\Services\Tcpip' > tcpip.reg",
    r"imgtools registry export win.qcow2 'HKU\alice\Environment' --utf16 > alice.reg",
    r"imgtools registry export win.qcow2 'HKLM\SOFTWARE\Policies' --json",
)


def command(
    source: Source,
    out: Output,
    name: Annotated[
        str, typer.Argument(metavar="KEY", help=r"As in regedit: HKLM\..., HKU\USER\...", show_default=False)
    ],
    utf16: Annotated[
        bool, typer.Option("--utf16", help="UTF-16 with a mark, which regedit wants for other than ASCII.")
    ] = False,
    hive: Bare = False,
) -> None:
    """Print a registry key and everything below it as .reg text.

    The text has its header and full names, and regedit, reg import and imgtools take it back as it is. Strings are
    written as strings, anything that a string cannot hold byte by byte: an import gives the same values.
    """
    from imgtools.workflows.registry import export_key, open_export

    if out.json:
        report = export_key(source, name, hive=hive)
        out.show(report, schema="imgtools.registry.export/1", view=lambda: ())
        return
    with open_export(source, name, hive=hive) as export:
        if out.on_terminal:  # for eyes, not for regedit
            for line in export.lines:
                out.text(f"{line}\n")
        else:
            _write(out, export.lines, "utf-16-le" if utf16 else "utf-8")
        for warning in export.warnings:
            out.warn(warning)


def _write(out: Output, text: Iterable[str], encoding: str) -> None:
    if encoding != "utf-8":
        out.raw(codecs.BOM_UTF16_LE)
    lines = (f"{line}\r\n" for line in text)
    while piece := "".join(islice(lines, LINES_AT_ONCE)):
        out.raw(piece.encode(encoding, "surrogatepass"))
