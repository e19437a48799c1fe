"""imgtools repair."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.operations import closing, operation_table, operations_view, shelf_table

SECTION = "Repair a guest"
EXAMPLES = (
    "imgtools repair --list",
    "imgtools repair disk.qcow2",
    "imgtools repair disk.qcow2 --write",
    "imgtools repair disk.qcow2 --only windows-boot-devices --write",
    "imgtools repair disk.qcow2 --only windows-safe-mode --set windows-safe-mode.mode=network --write",
    "imgtools repair disk.qcow2 --only windows-password --set windows-password.user=alice --output mended.qcow2",
)
NOTES = """
Each repair says which guests it is for, and does nothing to a guest that does not need it. Without `--only` every
repair is asked that can tell for itself whether it is needed; those that are somebody's choice (safe mode, a serial
console, a blank password) are done only when `--only` names them. The plan comes first; `--write` makes all of it in
one transaction.

Of a Windows that was not shut down cleanly, the transaction logs of the registry are applied to the hives that a repair
changes. What was never tried with a real Windows is said in [Windows guests](../windows.md).
"""


def _list_repairs(wanted: bool) -> None:
    """Print the shelf; an eager option, so that no image is needed."""
    if not wanted:
        return
    import sys

    from imgtools.workflows.repair import list_repairs

    report = list_repairs()
    out = Output(json="--json" in sys.argv)
    out.show(
        report,
        schema="imgtools.repair-list/1",
        view=lambda: shelf_table(report.repairs, "Repair", "Asked"),
    )
    raise typer.Exit


Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="LIST", help="Only these repairs. Without it, all that can tell if they are needed."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="REPAIR.PARAMETER=VALUE", help="Set a parameter of a repair."),
]
ListRepairs = Annotated[
    bool,
    typer.Option("--list", callback=_list_repairs, is_eager=True, help="List the repairs; no image needed."),
]


def command(
    source: Source,
    target: Target,
    out: Output,
    only: Only = None,
    settings: Settings = None,
    list_repairs: ListRepairs = False,
) -> None:
    """Mend a guest that does not boot, or that nobody gets into.

    Windows guests. Without --write or --output it prints what would be done, per repair, and stops.
    """
    from imgtools.workflows.repair import repair

    with out.progress("Repairing") as progress:
        report = repair(source, target, tuple(only or ()), tuple(settings or ()), progress=progress)
    out.show(
        report,
        schema="imgtools.repair/1",
        view=lambda: operations_view(f"{report.guest} on {report.root}", report.repairs),
        pipe=lambda: operation_table(report.repairs, "Repair"),
    )
    out.note(closing(len(report.changes), report.written, report.output or report.image))
