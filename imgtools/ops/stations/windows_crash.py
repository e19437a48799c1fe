r"""The bug check (blue screen) that Windows stopped with last: of its dump, or of its event log.

A dump that is younger than all that the event log has was left by a boot that came no further. One from before the
last boot counts only if that boot tells of it: Windows came up since, so it is a sign and not the cause.

Source: "Bug Check Code Reference", "Event ID 1001" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined, Seen, Station
from imgtools.ops.windows_stations import last_boot
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, Severity

if TYPE_CHECKING:
    from imgtools.guest.windows.crash import BugCheck

# What to do about a code; the others are looked up by their name.
ADVICE = {
    0x7B: "Windows does not reach its own disk: give the machine the controller that it had, or Windows its driver: "
    "windows-virtio",
    0xED: "the filesystem of the system volume cannot be mounted: windows-check-disk, or chkdsk in recovery",
    0x24: "the filesystem of the system volume is damaged: windows-check-disk",
    0x74: "the SYSTEM hive is damaged: windows-hive-backup, windows-last-known-good",
    0x51: "a registry hive is damaged: windows-hive-backup",
    0x67: "the registry cannot be set up: windows-hive-backup, or too little memory",
    0xC0000218: "a registry hive cannot be loaded: windows-hive-backup",
    0xC000021A: "winlogon or csrss ended: often an update in the middle, windows-pending-updates",
    0xEF: "a process that Windows needs ended: often an update in the middle, windows-pending-updates",
    0x7A: "the page file cannot be read: look at the disk below the image",
    0x77: "the page file cannot be read: look at the disk below the image",
    0x109: "on another hypervisor's processor model this comes up; else a driver changes the kernel",
    0x5C: "the machine is not one that this Windows starts on: look at its firmware, processor model and machine type",
    0xA5: "the firmware's ACPI tables do not suit this Windows: look at the machine type",
}
EARLIER = 24 * 3600 * 10**9  # nanoseconds: clocks of event log and dump may differ by a time zone


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what Windows stopped with, if it was the last thing that it did, or the last boot tells of it."""
    from imgtools.guest.windows.crash import newest_dump

    guest = examined.system
    boot = examined.once(last_boot)
    dump = newest_dump(guest.files, guest.os.windows_systemroot)
    told = boot.bug_check()
    if dump is not None and dump.time > boot.last:
        blames = f"; it blames {dump.check.driver}" if dump.check.driver else ""
        yield _finding(
            dump.check, "Windows stopped at its last boot", Evidence(dump.path, text=dump.check.words), blames
        )
    elif told is not None:
        event, check = told
        words = f"event {event.event_id} of {event.provider}: {check.words}"
        driver = dump.check.driver if dump is not None and dump.check.code == check.code else ""
        blames = (
            f"; it blames {driver}"
            if driver and dump is not None and dump.time > event.time - EARLIER
            else ""
        )
        text = "Windows stopped before its last boot, and came up since"
        yield _finding(check, text, Evidence(boot.path, text=words), blames, Severity.SUSPICIOUS)
    elif boot.reason and dump is None:
        yield NotKnown(boot.reason)


def _finding(
    check: BugCheck, text: str, evidence: Evidence, blames: str, severity: Severity = Severity.BROKEN
) -> Finding:
    return Finding(
        "windows-stop-code",
        f"{text}: {check.words}{blames}",
        severity,
        Confidence.MEDIUM if severity is Severity.BROKEN else Confidence.LOW,
        (evidence,),
        advice=_advice(check),
    )


def _advice(check: BugCheck) -> str:
    """What to do. No repair takes a dump away, so none is what mends it; but one may mend what it tells of."""
    from imgtools.guest.windows.boot_drivers import NEEDED

    name = check.driver.rpartition("\\")[2]
    if name.casefold().endswith(".sys") and name.casefold() not in NEEDED:
        return f"remove the driver: repair --only windows-driver-file --set windows-driver-file.file={name}"
    return ADVICE.get(check.code, "")


STATION = Station(
    summary="The last blue screen of Windows",
    place=660,
    look=look,
    families=WINDOWS,
    causes={
        "windows-stop-code": "Windows stops itself where going on would do damage (bug check, blue screen), and writes "
        "a dump: MEMORY.DMP, or a small one in Minidump. Its code says what was wrong, its parameters where: "
        "0x7B is a disk that it cannot reach, 0x7E and 0xD1 a driver, 0xED a filesystem.",
    },
)
