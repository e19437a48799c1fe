r"""What Windows has left to do at its next boot: updates in the middle, setup, automatic repair.

Source: "Windows Setup States", "Azure VM is stuck at Windows Update", "Startup Repair" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.paths import join
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined, Seen, Station
from imgtools.ops.windows_stations import boot_facts, last_boot
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, Remedy, Severity

SETUP = r"HKLM\SYSTEM\Setup"


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what goes on at the next boot, and may not end."""
    setup = examined.once(boot_facts).setup
    if setup.updates:
        yield Finding(
            "windows-updates-pending",
            "updates wait for the next boot, or were cut off in the middle",
            Severity.SUSPICIOUS,
            Confidence.MEDIUM,
            tuple(Evidence(one, text="says so") for one in setup.updates),
            Remedy("windows-pending-updates"),
            "let it boot once and wait, if it has not been tried",
        )
    if setup.in_progress and not setup.waits_for_clones:
        yield Finding(
            "windows-setup-in-progress",
            "setup of Windows is not through, and begins again at each boot",
            confidence=Confidence.MEDIUM,
            evidence=(
                Evidence(SETUP, text=", ".join(setup.in_progress)),
                Evidence("ImageState", text=setup.image),
            ),
            advice="look at its log: imgtools log IMAGE --source setuperr; where it cannot end, install anew",
        )
    elif setup.in_progress:
        yield NotKnown("it was generalised, and sets itself up at its first boot")
    yield from _repair_loop(examined)


def _repair_loop(examined: Examined) -> Iterator[Seen]:
    """What automatic repair says, if it ran after the last boot of Windows itself."""
    from imgtools.guest.windows.crash import TRAIL, repair_trail

    guest = examined.system
    trail = repair_trail(guest.files, guest.os.windows_systemroot)
    entry = examined.once(boot_facts).default
    if trail is None or (entry is not None and entry.recovery_enabled is False):
        return
    path = join(guest.os.windows_systemroot, TRAIL)
    written = guest.files.stat(path).mtime
    if written < examined.once(last_boot).last:
        return
    causes = tuple(Evidence(path, number, text) for number, text in trail.causes[-3:])
    why = f": {trail.causes[-1][1]}" if trail.causes else ""
    yield Finding(
        "windows-recovery-loop",
        f"Windows starts its automatic repair in place of itself{why}",
        confidence=Confidence.MEDIUM,
        evidence=causes or (Evidence(path, text=f"{trail.attempts} attempts to repair it"),),
        remedy=Remedy("windows-recovery-loop"),
    )


STATION = Station(
    summary="What Windows has left to do: updates, setup, repair",
    place=650,
    look=look,
    families=WINDOWS,
    causes={
        "windows-updates-pending": 'Updates are installed before anybody can log on: "Getting Windows ready". Where '
        "they were cut off, or do not fit, this never ends, or is undone at each boot.",
        "windows-setup-in-progress": "Setup goes on at the next boot. Where it was cut off it says that the computer "
        "restarted unexpectedly, at each boot again.",
        "windows-recovery-loop": "After two boots that failed, Windows starts its recovery environment, which tries to "
        "repair it and writes what it found to SrtTrail.txt; what Windows itself would say is not seen any more.",
    },
    mended={
        "windows-pending-updates": ("windows-updates-pending",),
        "windows-recovery-loop": ("windows-recovery-loop",),
    },
)
