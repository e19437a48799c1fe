r"""How Windows has left its volume: hibernated, marked dirty, full, in BitLocker.

Source: "fsutil dirty", "chkntfs" and "Distinguishing Fast Startup from Wake-from-Hibernation" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined, Seen, Station
from imgtools.ops.windows_stations import boot_facts
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, Remedy, Severity
from imgtools.units import format_size

LEAST = 16 << 20  # bytes; with less, logs, the registry and the page file cannot grow, and services fail


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what of the state of the system's volume keeps it from starting, or from being written."""
    from imgtools.guest.windows.hibernation import is_hibernated
    from imgtools.guest.windows.volume_state import VolumeState, volume_state

    root = examined.system.root
    if is_hibernated(examined.files):
        yield Finding(
            "windows-hibernated",
            "Windows is hibernated, or was shut down with fast startup: on other hardware it may not wake up",
            Severity.SUSPICIOUS,
            Confidence.MEDIUM,
            (Evidence("/hiberfil.sys", text="a session waits in it"),),
            Remedy("windows-hibernation", ("discard=yes",)),
            "better: start it where it ran, and shut it down (shutdown /s /t 0)",
        )
    disk = examined.open_device(root.device)
    state = volume_state(disk) if disk is not None else None
    letter = next((name for name, device in examined.system.drives if device == root.device), "C")
    if state is VolumeState.DIRTY and letter in examined.once(boot_facts).setup.checks:
        yield NotKnown(f"{root.device} is marked dirty, and is checked when Windows boots next")
    elif state is VolumeState.DIRTY:
        yield Finding(
            "windows-volume-dirty",
            f"{root.device} is marked dirty: Windows was not shut down, and checks it when it boots",
            Severity.SUSPICIOUS,
            Confidence.MEDIUM,
            (Evidence(root.device, text="the dirty flag of NTFS is set"),),
            Remedy("windows-check-disk", (f"drive={letter}",)),
        )
    yield from _room(examined)
    if any(one.content == "BitLocker" and one.device in root.parents for one in examined.layout.volumes):
        yield NotKnown("the volume is in BitLocker: whether its key is there at boot cannot be told offline")


def _room(examined: Examined) -> Iterator[Seen]:
    from imgtools.guest.windows.volume_state import room

    found = room(examined.files)
    if found is not None and found.available < LEAST:
        device = examined.system.root.device
        yield Finding(
            "windows-volume-full",
            f"{device} is full: {format_size(found.available)} of {format_size(found.size)} are free",
            Severity.SUSPICIOUS,
            evidence=(Evidence(device, text=f"{found.available} bytes are free"),),
            advice=r"delete what is not needed: \Windows\Temp, SoftwareDistribution\Download, MEMORY.DMP; or resize it",
        )


STATION = Station(
    summary="How Windows has left its volume",
    place=640,
    look=look,
    families=WINDOWS,
    causes={
        "windows-hibernated": "The memory of Windows is in hiberfil.sys, of a hibernation or of a fast startup, which "
        "is what a shutdown does by default. It goes on with what it remembers of its disk and its hardware: on "
        "another machine it may hang or stop, and what was written to the disk meanwhile damages it.",
        "windows-volume-dirty": "The dirty flag of NTFS is set where Windows was cut off. It checks the volume when it "
        "boots, which may take long, or fail where the flag does not go away.",
        "windows-volume-full": "Windows has no room left on its volume: services fail, the registry cannot be written, "
        "a user's profile is not loaded, updates stop in the middle.",
    },
    mended={
        "windows-hibernation": ("windows-hibernated",),
        "windows-check-disk": ("windows-volume-dirty",),
    },
)
