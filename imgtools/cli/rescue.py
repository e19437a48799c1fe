"""imgtools rescue."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output import shell_terminal
from imgtools.cli.output.passing import Passing
from imgtools.cli.output.views import Lines
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.workflows.rescue import Hands, RescueReport

SECTION = "Repair a guest"
EXAMPLES = (
    "imgtools rescue disk.qcow2",
    "imgtools rescue disk.qcow2 --write",
    "imgtools rescue disk.qcow2 --chroot -c 'update-initramfs -u' --write --yes",
    "imgtools rescue disk.qcow2 -c 'cat /sysroot/etc/fstab; lsblk -f'",
    "imgtools rescue disk.qcow2 --run mend.sh --output mended.qcow2",
    "imgtools rescue disk.qcow2 --no-mount --write",
    "imgtools rescue disk.qcow2 --attach backup.qcow2",
)
NOTES = """
The shell runs in libguestfs' appliance: a small Linux of the host, without network, in which nothing of the guest has
been started. The guest is mounted at `/sysroot`, in the order of its fstab. `exit` and Ctrl-D end the shell with 0,
whatever the last command said; `exit 1` says that nothing is to be kept. All keys, Ctrl-C too, reach the shell, but
Ctrl-]: behind it `q` ends the shell at once (nothing is kept), `?` says so, and Ctrl-] again is the key itself.

Without `--write` or `--output` everything is mounted read-only; who mounts it again for writing writes to an overlay
that is thrown away. With `--write` all of it is one transaction: when the shell has ended with 0, the filesystems are
checked, and what has changed is shown (files by their facts, small text files with their difference unless they hold
secrets, and what was changed below the files). Then it is asked whether to keep it. Another exit code, a no,
`Ctrl-] q`, a signal or a lost connection leave the image as it was, to the byte.

The exit code of the command is `code` in the JSON, and any but 0 makes that of imgtools 1. How this differs from
virt-rescue, and what to do with a guest whose root is destroyed, is in [the guide](../rescue.md).
"""
LISTED = 200  # changes that a person is shown


def command(
    source: Source,
    target: Target,
    out: Output,
    text: Annotated[
        str,
        typer.Option("--command", "-c", metavar="COMMAND", help="Run this in a shell, without a terminal."),
    ] = "",
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="SCRIPT", help="Run a program of the host there, without a terminal."),
    ] = None,
    chroot: Annotated[
        bool, typer.Option("--chroot", help="Enter the guest, with its own programs and /dev, /proc, /sys.")
    ] = False,
    no_mount: Annotated[
        bool,
        typer.Option("--no-mount", help="Look for no guest and mount nothing: for a root that is destroyed."),
    ] = False,
    attach: Annotated[
        list[Path] | None,
        typer.Option(
            "--attach", metavar="FILE", help="Attach another image or ISO, to read from; repeat it."
        ),
    ] = None,
    network: Annotated[bool, typer.Option("--network", help="Let the shell reach the network.")] = False,
    memory: Annotated[
        str, typer.Option("--memory", metavar="SIZE", help="Memory of the appliance: 2G.")
    ] = "",
    append: Annotated[
        str, typer.Option("--append", metavar="WORDS", help="More words for the appliance's kernel.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Keep what was changed without asking.")] = False,
) -> None:
    """Open a shell beside a guest that is switched off.

    The guest is mounted at /sysroot, read-only. With --write what the shell changes is kept as one transaction, after
    it has ended with 0 and a yes, or not at all; --output keeps it in a new image.
    """
    from imgtools.ops.run_in_guest import read_script
    from imgtools.units import parse_size
    from imgtools.workflows.rescue import Machine, Order, rescue

    if text and run:
        raise UsageError("--command and --run are two things to run", hint="choose one")
    order = Order(text, read_script(run) if run else b"", chroot, network, shell_terminal.window())
    machine = Machine(parse_size(memory) >> 20 if memory else 0, network, append, tuple(attach or ()))
    asks = target.write and not yes
    if asks and not shell_terminal.can_ask():
        raise UsageError(
            "nobody can be asked whether to keep what changes", hint="--yes keeps it if it ends with 0"
        )
    teller = _Teller(out, source, order.interactive)
    with out.progress("Writing") as progress, out.waiting("Starting the appliance"):
        hands = teller.hands(asks=asks)
        report = rescue(source, target, order, machine, hands, mount=not no_mount, progress=progress)
    teller.show(report, writes=not target.is_dry_run)
    if report.code != 0:
        raise typer.Exit(1)


class _Teller:
    """Tells a person what is where, what has changed, and what became of it."""

    def __init__(self, out: Output, source: Source, interactive: bool) -> None:
        self._out, self._image, self._interactive = out, source.host_path, interactive
        self._warned = 0  # how many warnings were told already
        self._listed = False

    def hands(self, *, asks: bool) -> Hands:
        """Return what the workflow calls."""
        from imgtools.workflows.rescue import Hands

        quiet = self._out.json
        return Hands(
            talk=shell_terminal.talk if self._interactive and shell_terminal.is_terminal() else None,
            out=None if quiet else Passing(sys.stdout),
            err=None if quiet else Passing(sys.stderr),
            agree=self._agree if asks else None,
            ready=self._greet,
        )

    def _greet(self, report: RescueReport) -> None:
        """Say what is where; then the terminal is the shell's."""
        self._out.stop_waiting()
        if not self._interactive:
            return
        for one in report.mounts:
            self._out.note(f"{one.device} is mounted at /sysroot{one.path.rstrip('/')}")
        if not report.mounts:
            self._out.note("Nothing is mounted.")
        self._warn(report)
        self._out.note("exit ends the shell; Ctrl-] q ends it at once, and nothing is kept.")

    def _warn(self, report: RescueReport) -> None:
        for warning in report.warnings[self._warned :]:
            self._out.warn(warning)
        self._warned = len(report.warnings)

    def _agree(self, report: RescueReport) -> bool:
        self._list(report)
        self._warn(report)
        doubt = ", although a filesystem is not in order" if report.problems else ""
        where = report.output or self._image
        return bool(typer.confirm(f"Keep the changes in {where}{doubt}?", err=True))

    def _list(self, report: RescueReport) -> None:
        self._listed = True
        for one in report.changes[:LISTED]:
            self._out.note(one.summary)
            for line in one.diff.splitlines():
                self._out.note(f"  {line}")
        if report.change_count > LISTED:
            self._out.note(f"... and {report.change_count - LISTED} more; --json has them")

    def show(self, report: RescueReport, *, writes: bool) -> None:
        """Say what became of it."""
        if not self._listed:
            self._list(report)
        told = report if self._out.json else replace(report, warnings=report.warnings[self._warned :])
        self._out.show(told, schema="imgtools.rescue/1", view=lambda: Lines(()))
        if writes:
            self._out.note(_closing(report))


def _closing(report: RescueReport) -> str:
    count = f"{report.change_count} change{'' if report.change_count == 1 else 's'}"
    if report.written:
        return f"{count} made in {report.output or report.image}."
    if report.code is None:
        return "The shell was ended: nothing is kept."
    if report.code != 0:
        return f"It ended with {report.code}: nothing is kept."
    return f"{count} thrown away." if report.changed else "Nothing has changed, nothing is written."
