"""imgtools repair."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.command.option_names import old
from imgtools.cli.output.operations import operation_table, operations_view, say_closing, shelf_table
from imgtools.cli.output.views import Lines
from imgtools.errors import UsageError
from imgtools.records.diagnosis import Severity

if TYPE_CHECKING:
    from imgtools.workflows.boot import BootRequest
    from imgtools.workflows.repair import RepairReport
    from imgtools.workflows.writing import ReadyVerb

SECTION = "Repair a guest"
EXAMPLES = (
    "imgtools repair --list",
    "imgtools repair disk.qcow2",
    "imgtools repair disk.qcow2 --write",
    "imgtools repair disk.qcow2 --auto",
    "imgtools repair disk.qcow2 --auto --write",
    "imgtools repair disk.qcow2 --auto --write --then-boot",
    "imgtools repair disk.qcow2 --only fstab,sudoers --write",
    "imgtools repair disk.qcow2 --only password --set password.user=root --set password.secret=file:secret --write",
    "imgtools repair disk.qcow2 --only make-room --set make-room.which=caches,journal",
    "imgtools repair disk.qcow2 --package-file libc6_2.36-9+deb12u9_amd64.deb --write",
    "imgtools repair disk.qcow2 --only windows-boot-devices --write",
    "imgtools repair disk.qcow2 --only windows-safe-mode --set windows-safe-mode.mode=network --write",
    "imgtools repair disk.qcow2 --only windows-password --set windows-password.user=alice --output mended.qcow2",
)
NOTES = """
Each repair says which guests it is for, and does nothing to a guest that does not need it. Without `--only` every
repair is asked that can tell for itself whether it is needed; those that are somebody's choice (safe mode, a serial
console, a blank password) are done only when `--only` names them. The plan comes first; `--write` makes all of it in
one transaction.

`--auto` walks the way from power-on to login as [diagnose](diagnose.md) does, and makes the repairs that it proposes
with high confidence, with the parameters that it found. Whatever is written is diagnosed again before it counts: where
a repair leaves what it was to mend, all is rolled back (exit code 42). What is left is said; exit code 1 if
something of it stops the guest.

`--then-boot` also boots what was written, on a further throw-away overlay as [boot](boot.md) does, and commits only if
a login is reached.

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
Auto = Annotated[
    bool, typer.Option("--auto", help="The repairs that a diagnosis proposes with high confidence.")
]
Boots = Annotated[
    bool,
    typer.Option("--then-boot", help="Boot what was repaired before it counts; no login, nothing written."),
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="With --then-boot: see imgtools boot.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="REPAIR.PARAMETER=VALUE", help="Set a parameter of a repair."),
]
PackageFile = Annotated[
    Path | None,
    typer.Option(
        "--package-file",
        metavar="FILE",
        help="Put back the files of this .deb, .rpm or .pkg.tar of the host.",
    ),
    old("--package"),
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
    package_file: PackageFile = None,
    auto: Auto = False,
    then_boot: Boots = False,
    timeout: Timeout = None,
    list_repairs: ListRepairs = False,
) -> None:
    """Mend a guest that does not boot, or that nobody gets into.

    Without --write or --output it prints what would be done, per repair, and stops.
    """
    from imgtools.workflows.boot import BootRequest

    if timeout is not None and not then_boot:
        raise UsageError("--timeout is of --then-boot", hint="add --then-boot, or leave --timeout away")
    how = BootRequest(seconds=timeout) if then_boot else None
    verb = _mending(only, settings, package_file, auto=auto, how=how)
    with out.progress("Repairing") as progress:
        report = verb(source, target, progress=progress)
    out.show(
        report,
        schema="imgtools.repair/1",
        view=lambda: [operations_view(f"{report.guest} on {report.root}", report.repairs), *_left(report)],
        pipe=lambda: operation_table(report.repairs, "Repair"),
    )
    say_closing(out, len(report.changes), report.written, report.output or report.image)
    if auto and any(one.severity is Severity.BROKEN for one in report.left):
        raise typer.Exit(1)


def ready(
    only: Only = None, settings: Settings = None, package_file: PackageFile = None, auto: Auto = False
) -> ReadyVerb[RepairReport]:
    """Return what these words ask for, for any image."""
    return _mending(only, settings, package_file, auto=auto)


def _mending(
    only: Only, settings: Settings, package_file: PackageFile, *, auto: bool, how: BootRequest | None = None
) -> ReadyVerb[RepairReport]:
    from imgtools.workflows.repair import repair

    return partial(
        repair,
        only=tuple(only or ()),
        settings=tuple(settings or ()),
        package_file=package_file,
        auto=auto,
        then_boot=how,
    )


def _left(report: RepairReport) -> Iterator[Lines]:
    """What a diagnosis finds besides, or after what was written."""
    if report.left:
        lines = (f"  {one.id} ({one.severity}): {one.text}" for one in report.left)
        yield Lines(["", "Left:", *lines])
    if report.boot is not None:
        yield Lines(["", f"Booted: {report.boot.verdict} after {report.boot.seconds:g} s"])
