"""imgtools registry get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Column, Lines, Table, View
from imgtools.cli.registry._options import Bare
from imgtools.cli.registry._values import format_value, plain_lines
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.workflows.registry import KeyReport

WAITS = True
EXAMPLES = (
    r"imgtools registry get win.qcow2 'HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion' ProductName",
    r"imgtools registry get win.qcow2 'HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters'",
    r"imgtools registry get win.qcow2 'HKU\alice\Environment' --json",
    r"imgtools registry get win.qcow2 'HKLM\SYSTEM\MountedDevices' '\DosDevices\C:' --raw | xxd",
)


def command(
    source: Source,
    out: Output,
    name: Annotated[
        str, typer.Argument(metavar="KEY", help=r"As in regedit: HKLM\..., HKU\USER\...", show_default=False)
    ],
    value: Annotated[
        str | None,
        typer.Argument(
            metavar="[VALUE]", help="One value; @ is the default one. Without it, all.", show_default=False
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="The bytes of VALUE as they are stored.")] = False,
    hive: Bare = False,
) -> None:
    r"""Print the values of a registry key.

    With VALUE, its data alone: text as it is, several texts a line each, numbers in decimal, anything else in
    hexadecimal. The class of a key, which few have, is a note. CurrentControlSet is the control set that boots next.
    A hive that was not closed cleanly is completed from its log, as Windows would do it, and a warning says so.
    """
    from imgtools.workflows.registry import read_key

    if raw and (value is None or out.json):
        raise UsageError("--raw is for one VALUE, and not for --json")
    report = read_key(source, name, value, hive=hive)
    if raw:
        for warning in report.warnings:
            out.warn(warning)
        out.raw(report.values[0].data)
        return
    if report.class_name and value is None:
        out.note(f"class: {report.class_name}")
    out.show(report, schema="imgtools.registry.get/1", view=lambda: _view(report, alone=value is not None))


def _view(report: KeyReport, *, alone: bool) -> View:
    if alone:
        return Lines(plain_lines(report.values[0]))
    columns = (Column("Name", style="bold"), Column("Type"), Column("Data", prose=True))
    return Table(columns, ((one.name or "@", one.type, format_value(one)) for one in report.values))
