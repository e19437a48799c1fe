"""auditd that halts the machine when its disk is full, and a disk that is."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.auditd import CONFIG, read_auditd
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Evidence, Finding, NotKnown, NotThere, Remedy
from imgtools.records.disks import Declined, Mount
from imgtools.units import format_size


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what auditd would stop the machine for."""
    config = read_auditd(examined.files, 0)
    if config is None:
        yield NotThere("no auditd")
        return
    if not config.stops:
        return
    mount = _mount_of(examined, config.log_file)
    usage = examined.usage_of(mount.volume)
    if isinstance(usage, Declined):
        yield NotKnown(f"{mount.path}: {usage.reason}")
        return
    config = read_auditd(examined.files, usage.size) or config
    for stop in config.stops:
        if usage.available <= stop.room:
            left = format_size(usage.available)
            yield Finding(
                "auditd-halts",
                f"auditd stops the machine: {left} are left on {mount.path}, and {stop.setting} is {stop.action}",
                evidence=(
                    Evidence(CONFIG, stop.line, f"{stop.setting} = {stop.action}"),
                    Evidence(mount.volume.device, text=f"{left} left of {format_size(usage.size)}"),
                ),
                remedy=Remedy("auditd"),
            )
            return


def _mount_of(examined: Examined, path: str) -> Mount:
    mounts = examined.system.mounts
    above = [one for one in mounts if path == one.path or path.startswith(f"{one.path.rstrip('/')}/")]
    return max(above or mounts, key=lambda one: len(one.path))


STATION = Station(
    summary="auditd and the room that it needs",
    place=480,
    look=look,
    families=LINUX,
    causes={
        "auditd-halts": "auditd is told to halt the machine, or to go to single user mode, when its disk is full, and "
        "it is: the machine stops shortly after each boot.",
    },
    mended={
        "auditd": ("auditd-halts",),
    },
)
