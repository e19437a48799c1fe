"""imgtools doctor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.command.shared_options import EngineChoice
from imgtools.cli.output.views import Column, Facts, Lines, Table, View
from imgtools.records.request import Engine

if TYPE_CHECKING:
    from imgtools.workflows.doctor import Check, DoctorReport

SECTION = "Look after this host"
EXAMPLES = (
    "imgtools doctor",
    "imgtools doctor --launch",
    "imgtools doctor --engine direct",
    "imgtools doctor --json | jq '.data.checks[] | select(.state != \"ok\")'",
)
WAITS = True
NOTES = """
libguestfs-test-tool prints everything that the appliance says and leaves it to the reader to find what is wrong. Here
each thing that is missing is named with the command that brings it, and KVM counts as working only if a Linux kernel
has started under it: on a host with broken nested virtualisation /dev/kvm opens, and QEMU aborts or hangs all the same.
That is tried once after each boot of the host; LIBGUESTFS_BACKEND_SETTINGS=force_tcg does without KVM and the trial.
"""


def command(
    out: Output,
    launch: Annotated[bool, typer.Option("--launch", help="Boot the appliance as a full test.")] = False,
    engine: Annotated[
        EngineChoice, typer.Option("--engine", help="Judge only what this engine needs.")
    ] = EngineChoice.AUTO,
) -> None:
    """Tell what works on this host, and what mends the rest.

    Looks at Python and its modules, QEMU, the kernel and the place of the appliance, KVM, FUSE, room and locks, and
    reads a small disk. Exit code 0: everything works, warnings allowed; 1: something is missing that some command
    needs.
    """
    from imgtools.workflows.doctor import examine_host

    report = examine_host(launch=launch, engine=Engine(engine.value))
    out.show(
        report, schema="imgtools.doctor/1", view=lambda: list(_views(report)), pipe=lambda: _rows(report)
    )
    raise typer.Exit(0 if report.healthy else 1)


def _views(report: DoctorReport) -> Iterator[View]:
    columns = ("State", "Check", Column("Found", prose=True), Column("Needed by", prose=True))
    yield Table(columns, [(one.state, one.name, one.found, one.serves) for one in report.checks])
    for check in report.checks:
        if check.state != "ok":
            yield Facts(list(_details(check)), title=f"{check.state.upper()}: {check.name}")
    yield Lines([report.verdict])


def _details(check: Check) -> Iterator[tuple[str, str]]:
    yield "cause", check.cause
    if check.cure:
        yield "cure", check.cure
    if check.needed_for:
        yield "needed for", check.needed_for


def _rows(report: DoctorReport) -> Table:
    """The same for a pipe, a check a line, the verdict last."""
    columns = ("State", "Check", "Found", "Needed by", "Cause", "Cure")
    rows = [(one.state, one.name, one.found, one.serves, one.cause, one.cure) for one in report.checks]
    state = "ok" if report.healthy else "fail"
    return Table(columns, [*rows, (state, "verdict", report.verdict, "", "", "")])
