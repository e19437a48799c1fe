"""imgtools boot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Facts, Lines, View
from imgtools.units import format_size, parse_size

if TYPE_CHECKING:
    from imgtools.workflows.boot import BootReport

SECTION = "Repair a guest"
EXAMPLES = (
    "imgtools boot disk.qcow2",
    "imgtools boot disk.qcow2 --timeout 900 --screenshot screen.png --console console.log",
    "imgtools boot disk.qcow2 --expect 'Reached target .*Multi-User'",
    "imgtools boot disk.qcow2 --kernel-from-guest",
    "imgtools boot disk.qcow2 --interactive",
    "imgtools boot disk.qcow2 --firmware uefi --bus sata --memory 4G --cpus 4",
)
NOTES = """
[Boot a guest](../boot.md) says how the machine is chosen, what each verdict means and how it is told, and what is not
known of a guest that shows pictures only.
"""

Firmware = Annotated[
    str, typer.Option("--firmware", metavar="bios|uefi", help="SeaBIOS, or OVMF without Secure Boot.")
]
Bus = Annotated[
    str,
    typer.Option("--bus", metavar="BUS", help="The disks' bus: virtio, scsi (virtio's), sata, ide or nvme."),
]
Memory = Annotated[str, typer.Option("--memory", metavar="SIZE", help="The machine's memory: 512M, 4G.")]
Processors = Annotated[int | None, typer.Option("--cpus", metavar="N", help="How many processors it has.")]
Network = Annotated[
    str,
    typer.Option(
        "--network", metavar="none|user", help="user: the guest reaches the host's network, through QEMU."
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help="How long a verdict is waited for: 180 under KVM, else 540; twice that for Windows.",
    ),
]
Expect = Annotated[
    str, typer.Option("--expect", metavar="REGEX", help="Succeed when the console or the screen shows this.")
]
Direct = Annotated[
    bool,
    typer.Option(
        "--kernel-from-guest",
        help="Start the guest's kernel directly, with a serial console: for a look at early failures.",
    ),
]
Interactive = Annotated[
    bool, typer.Option("--interactive", help="Work on the serial console; Ctrl-] ends the machine.")
]
Screenshot = Annotated[
    Path | None,
    typer.Option("--screenshot", metavar="FILE.png", help="Keep the screen as it was at the end."),
]
Console = Annotated[
    Path | None, typer.Option("--console", metavar="FILE", help="Keep all that the serial console has said.")
]
Overwrite = Annotated[
    bool, typer.Option(*names.OVERWRITE.words, help="These files may take the place of those that are there.")
]


def command(
    source: Source,
    out: Output,
    firmware: Firmware = "",
    bus: Bus = "",
    memory: Memory = "",
    cpus: Processors = None,
    network: Network = "none",
    timeout: Timeout = None,
    expect: Expect = "",
    kernel_from_guest: Direct = False,
    interactive: Interactive = False,
    screenshot: Screenshot = None,
    console: Console = None,
    overwrite: Overwrite = False,
) -> None:
    """Boot a guest on a throw-away overlay; say how that ends.

    Nothing is written to the image. The machine is chosen from what the guest is; it has no network. Its serial
    console, its screen and its disks are watched until a login is asked for, or it is plain that none will be.

    Exit code 0: a login, or what --expect names. 1: not reached, and the verdict says where it ended. 33: no sign
    within the time.
    """
    from imgtools.guest.boot.machine_choice import Wishes, parse_network
    from imgtools.workflows.boot import BootRequest, boot

    size = parse_size(memory) if memory else None
    wishes = Wishes(firmware, bus, size, cpus, parse_network(network))
    how = BootRequest(wishes, timeout, expect, kernel_from_guest, screenshot, console, overwrite)
    if interactive:
        from imgtools.cli.output.console import person_at_terminal

        with person_at_terminal() as person:
            report = boot(source, how, talk=person)
    else:
        with out.progress("Booting") as progress:
            report = boot(source, how, progress=progress)
    out.show(report, schema="imgtools.boot/1", view=lambda: _view(report))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


WORDS = {
    "none": "no verdict within the time",
    "expected": "the console shows what was expected",
    "login": "it asks for a login",
    "target-reached": "its system is up, and asks nobody for a login",
    "windows-logon": "Windows is up",
    "graphical-screen": "it shows a picture, which nobody here can read",
    "no-bootable-device": "firmware finds nothing to boot",
    "boot-loader-error": "the boot loader stops",
    "kernel-panic": "the kernel panics",
    "initramfs-shell": "the initramfs gives up, in a shell",
    "emergency-mode": "it is in emergency mode",
    "asks-for-passphrase": "it asks for a passphrase",
    "windows-stop-code": "Windows stops",
    "powered-off": "it switches itself off",
    "reboots-again-and-again": "it boots again and again",
}


def _facts(report: BootReport) -> Facts:
    kernel = "its own kernel, started directly" if report.kernel_from_guest else report.firmware
    machine = f"{kernel}, {report.machine}, disks on {report.bus}, {format_size(report.memory)}"
    pairs = [
        ("Guest", report.guest or "not known"),
        ("Machine", f"{machine}, {report.cpus} processors, {report.accelerator}"),
        ("Verdict", f"{report.verdict}: {WORDS[report.verdict]}"),
        ("Line", report.line),
        ("Seen on", report.seen_on),
        ("After", f"{report.seconds:g} s"),
    ]
    pairs += [("Cause", f"{one.id}: {one.line}") for one in report.causes]
    return Facts(tuple((name, value) for name, value in pairs if value))


def _view(report: BootReport) -> list[View]:
    return [_facts(report), *([] if report.reached else [Lines(["", *report.last_lines])])]
