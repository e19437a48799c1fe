"""imgtools sysprep."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from imgtools.cli.command.groups import Customization, EachSource, Output, Target
from imgtools.cli.command.several import Rules
from imgtools.cli.output.operations import (
    change_lines,
    operation_table,
    operations_view,
    say_closing,
    shelf_table,
)
from imgtools.cli.output.views import Lines, Table, View
from imgtools.errors import UsageError
from imgtools.records.image import DiskSource

if TYPE_CHECKING:
    from imgtools.ops.selection import Selection
    from imgtools.workflows.sysprep import SysprepReport, TraceRow, VerifyReport
    from imgtools.workflows.writing import ReadyVerb

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools sysprep disk.qcow2",
    "imgtools sysprep disk.qcow2 --write",
    "imgtools sysprep disk.qcow2 --output template.qcow2 --compress",
    "imgtools sysprep disk.qcow2 --operations defaults,-ssh-userdir,user-account",
    "imgtools sysprep disk.qcow2 --set machine-id.policy=uninitialized --write",
    "imgtools sysprep disk.qcow2 --hostname template --firstboot-command 'apt-get update' --write",
    "imgtools sysprep win.qcow2 --generalize shutdown --write",
    "imgtools sysprep --verify template.qcow2",
    "imgtools sysprep --verify template.qcow2 --original disk.qcow2",
    "imgtools sysprep --verify -P 2 templates/*.qcow2",
    "imgtools sysprep --list-operations",
)
SEVERAL = Rules(one_image=("--original",), only_with="--verify")
NOTES = """
Each operation says which guests it is for. Of a Windows guest logs, caches, histories, identities, addresses and
passwords go; its SID, by which Windows tells machines apart, only Microsoft's own sysprep can change:
`--generalize shutdown` has it run when the guest boots next, or run `sysprep /generalize` in the guest. Until then
`--verify` does not call it fit, and `clone` refuses it. A BSD guest gets only the operations that say so.

Every operation first says which files it will touch; `--write` makes all the changes in one transaction, so that
an image is prepared or is as it was. Nothing boots where the guest is on ext4, on a partition or a linear logical
volume.

The machine ID is emptied and never written again: clones make their own. A volume group that GRUB finds `/boot`
in keeps its UUID, because the guest would not boot otherwise.

`--verify` asks every operation whether it still finds something, and then looks another way: it searches all files, and
their names, for what tells of the machine (host name, machine ID, MAC addresses, its own IP addresses, SSH host keys,
logs that are younger than the distribution), which it gathers wherever the guest still says it, or from the image as
it was before: `--original IMAGE`, which also tells which accounts are gone. What may stay is listed with the reason.
The search reads at most 1 GiB and takes at most two minutes, the beginning of each file up to 16 MiB, and below `/usr`
files up to 1 MiB; a warning says if that was not all. Names that are common words are not searched for.

The options of `imgtools customize` go with it: their orders come after all operations, on the guest as these leave
it, in the same transaction.
"""

# These do what the user hands them, so without it there is nothing to say of them.
ON_DEMAND = ("customize", "script")


def _list_operations(wanted: bool) -> None:
    """Print the shelf; an eager option, so that no image is needed."""
    if not wanted:
        return
    import sys

    from imgtools.workflows.sysprep import list_operations

    report = list_operations()
    out = Output(json="--json" in sys.argv)
    out.show(report, schema="imgtools.sysprep-operations/1", view=lambda: shelf_table(report.operations))
    raise typer.Exit


Operations = Annotated[
    list[str] | None,
    typer.Option(
        "--operations",
        metavar="LIST",
        help="Which operations: names, all, defaults, and -name to take one out. Begins with none.",
    ),
]
Enable = Annotated[list[str] | None, typer.Option("--enable", metavar="LIST", help="Only these operations.")]
Disable = Annotated[list[str] | None, typer.Option("--disable", metavar="LIST", help="Not these operations.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="OPERATION.PARAMETER=VALUE", help="Set a parameter of an operation."),
]
Verify = Annotated[
    bool, typer.Option("--verify", help="Only say whether the image is fit as a template; exit 1 if not.")
]
Original = Annotated[
    Path | None,
    typer.Option(
        "--original", metavar="IMAGE", help="With --verify: the image as it was before, to compare."
    ),
]
ListOperations = Annotated[
    bool,
    typer.Option(
        "--list-operations",
        callback=_list_operations,
        is_eager=True,
        help="List the operations; no image needed.",
    ),
]


def command(
    source: EachSource,
    target: Target,
    out: Output,
    customization: Customization,
    operations: Operations = None,
    enable: Enable = None,
    disable: Disable = None,
    settings: Settings = None,
    verify: Verify = False,
    original: Original = None,
    list_operations: ListOperations = False,
) -> None:
    """Prepare a guest to be cloned.

    Linux and Windows guests. Removes what must not be the same in two machines: host keys, machine ID, leases, logs,
    histories, caches, registrations. Without --write or --output it prints what would be done, per operation, and
    stops.
    """
    from imgtools.cli.output.passwords import new_passwords, passwords_told
    from imgtools.workflows.sysprep import verify as verify_image

    if verify:
        if not target.is_dry_run:
            raise UsageError("--verify only looks; it does not go with --write or --output")
        if customization.orders:
            raise UsageError("--verify only looks; it does not go with customizations")
        like = DiskSource(original, sector_size=source.disks[0].sector_size) if original else None
        before = replace(source, disks=(like,)) if like else None
        with out.waiting("Searching"):
            found = verify_image(source, _selection(operations, enable, disable, settings), original=before)
        _show_verdict(out, found)
    if original:
        raise UsageError("--original is what --verify compares with", hint="add --verify")
    verb = ready(customization, operations, enable, disable, settings)
    passwords = new_passwords(customization.orders)
    told = passwords_told(passwords, customization.password_output, will_write=target.counts)
    with told, out.progress("Preparing") as progress:
        report = verb(source, target, progress=progress)
    out.show(
        report,
        schema="imgtools.sysprep/2",
        view=lambda: _view(report),
        pipe=lambda: operation_table(report.operations),
    )
    say_closing(out, len(report.changes), report.written, report.output or report.image)


def ready(
    customization: Customization,
    operations: Operations = None,
    enable: Enable = None,
    disable: Disable = None,
    settings: Settings = None,
) -> ReadyVerb[SysprepReport]:
    """Return what these words ask for, for any image."""
    from imgtools.workflows.sysprep import prepare

    selection = _selection(operations, enable, disable, settings)
    return partial(prepare, selection=selection, customization=customization)


def _selection(
    operations: list[str] | None,
    enable: list[str] | None,
    disable: list[str] | None,
    settings: list[str] | None,
) -> Selection:
    from imgtools.ops.selection import Selection

    return Selection(
        tuple(enable or ()), tuple(disable or ()), tuple(operations or ()), tuple(settings or ())
    )


def _show_verdict(out: Output, found: VerifyReport) -> NoReturn:
    out.show(
        found,
        schema="imgtools.sysprep-verify/1",
        view=lambda: _verdict(found),
        pipe=lambda: _verdict_rows(found),
    )
    raise typer.Exit(0 if found.fit else 1)


def _view(report: SysprepReport) -> list[View]:
    return [operations_view(f"{report.guest} on {report.root}", report.operations, unsaid=ON_DEMAND)]


def _verdict(report: VerifyReport) -> list[View]:
    lines = [f"{report.image}: fit as a template ({report.guest})"]
    if not report.fit:
        lines = [f"{report.image}: not fit as a template ({report.guest}); left are:"]
    for operation in report.left:
        lines += ["", f"{operation.name}: {operation.summary}", *change_lines(operation.changes)]
    if report.traces:
        lines += ["", "traces of the machine it was made of:", *map(_trace, report.traces)]
    if report.stays:
        lines += ["", "these may stay:", *(f"{_trace(one)}: {one.reason}" for one in report.stays)]
    return [Lines(lines)]


def _trace(one: TraceRow) -> str:
    return f"  {one.path}: {'is named after ' if one.in_name else ''}{one.kind} {one.text}"


def _verdict_rows(report: VerifyReport) -> Table:
    """What operations find, and what the search does, as rows of one table."""
    table = operation_table(report.left)
    rows = [("", "trace", one.path, f"{one.kind} {one.text}") for one in report.traces]
    return Table(table.columns, [*table.rows, *rows])
