"""A captured console beside the stations: evidence of what is known, and findings of its own."""

from __future__ import annotations

from imgtools.ops.console import with_console
from imgtools.ops.station import StationReport
from imgtools.records.diagnosis import Evidence, Finding, Severity, StationState

START = "[    0.000000] Linux version 6.1.0-18-amd64\n"
NO_ROOT = "[    1.000000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(253,1)\n"
EMERGENCY = "[ TIME ] Timed out waiting for device /dev/vdb1.\nYou are in emergency mode. After logging in\n"
LOGIN = "Debian GNU/Linux 12 host ttyS0\n\nhost login: "
OFFLINE = Finding(
    "fstab-source-missing", "no such volume", evidence=(Evidence("/etc/fstab", 3, "UUID=x /srv"),)
)
FSTAB = StationReport("fstab", "fstab", StationState.BROKEN, (OFFLINE,))


def test_what_is_found_offline_too_gets_the_consoles_lines() -> None:
    fstab, console = with_console([FSTAB], START + EMERGENCY, "boot.log")
    assert fstab.findings[0].evidence == (
        Evidence("/etc/fstab", 3, "UUID=x /srv"),
        Evidence("boot.log", 2, "[ TIME ] Timed out waiting for device /dev/vdb1."),
    )
    assert [one.id for one in console.findings] == ["emergency-mode"]
    assert console.state is StationState.BROKEN
    assert (
        console.reason
        == "the boot came to: kernel; it ended: emergency-mode; it shows fstab-source-missing too"
    )


def test_what_only_the_console_tells_is_a_finding_with_its_line() -> None:
    (console,) = with_console([], START + NO_ROOT, "-", explained=["kernel-panic"])
    assert [one.id for one in console.findings] == ["root-not-found", "kernel-panic"]
    first, second = console.findings
    assert first.severity is Severity.BROKEN
    assert first.evidence == (Evidence("-", 2, NO_ROOT.strip()),)
    assert first.advice == ""
    assert second.advice == "see imgtools diagnose --explain kernel-panic"


def test_a_boot_that_came_to_a_login_is_sound() -> None:
    (console,) = with_console([], START + LOGIN, "boot.log")
    assert (console.state, console.findings) == (StationState.SOUND, ())


def test_what_a_boot_got_over_is_suspicious() -> None:
    disk = "[    3.000000] I/O error, dev vda, sector 8 op 0x0:(READ)\n"
    (console,) = with_console([], START + disk + LOGIN, "boot.log")
    assert console.state is StationState.SUSPICIOUS
    assert [(one.id, one.severity) for one in console.findings] == [("disk-errors", Severity.SUSPICIOUS)]


def test_an_empty_console_tells_nothing() -> None:
    (console,) = with_console([], "", "boot.log")
    assert (console.state, console.reason) == (StationState.UNKNOWN, "the boot came to: nothing")
