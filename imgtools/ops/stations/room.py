"""Room and inodes on the filesystems that a running system writes to: /, /var, /tmp, and /boot.

A full root or /var seldom stops the boot; it stops what is started: databases, logging in with a desktop, package
managers in the middle of their work. An update with a full /boot leaves a kernel without its initial RAM disk.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.room import largest, room_of
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Evidence, Finding, NotKnown, Remedy, Severity
from imgtools.records.disks import Declined, Mount
from imgtools.records.usage import Usage
from imgtools.units import format_size

WRITTEN = ("/", "/var", "/tmp", "/var/log", "/var/tmp", "/var/lib", "/usr", "/home", "/run")
WATCHED = (*WRITTEN, "/boot", "/boot/efi", "/efi", "/var/log/audit")


def look(examined: Examined) -> Iterator[Seen]:
    """Yield the filesystems that are full."""
    for mount in examined.system.mounts:
        if mount.path not in WATCHED or mount.path in examined.system.read_only:
            continue
        usage = examined.usage_of(mount.volume)
        if isinstance(usage, Declined):
            yield NotKnown(f"{mount.path}: {usage.reason}")
        else:
            yield from _of_mount(examined, mount, usage)


def _of_mount(examined: Examined, mount: Mount, usage: Usage) -> Iterator[Finding]:
    room = room_of(usage, mount.volume.content)
    if room.is_full or room.is_full_for_root:
        left = f"{format_size(usage.available)} of {format_size(usage.size)}"
        stops = room.is_full_for_root and mount.path in WRITTEN
        grown = largest(examined.files, mount.path)
        yield Finding(
            "filesystem-full",
            f"{mount.path} is full: {left} left" + (", and nothing for root either" if stops else ""),
            severity=Severity.BROKEN if stops else Severity.SUSPICIOUS,
            evidence=(
                Evidence(mount.volume.device, text=f"{left} left, {format_size(usage.free)} for root"),
                *(Evidence(path, text=format_size(size)) for path, size in grown),
            ),
            remedy=Remedy("make-room"),
        )
    if room.no_inodes:
        yield Finding(
            "filesystem-inodes",
            f"{mount.path} has no inodes left: {usage.inodes_free} of {usage.inodes}",
            severity=Severity.BROKEN if mount.path in WRITTEN else Severity.SUSPICIOUS,
            evidence=(
                Evidence(mount.volume.device, text=f"{usage.inodes_free} of {usage.inodes} inodes free"),
            ),
            remedy=Remedy("make-room"),
        )


STATION = Station(
    summary="Room and inodes where the system writes",
    place=340,
    look=look,
    families=LINUX,
    causes={
        "filesystem-full": "There is no room on a filesystem that the system writes to: logs, package caches, crash "
        "dumps, old kernels. Programs fail in ways that do not say so.",
        "filesystem-inodes": "A filesystem holds as many files as it can: millions of small ones in a spool or "
        "a cache. Nothing can be made any more, though there is room.",
    },
    mended={
        "make-room": (
            "filesystem-full",
            "filesystem-inodes",
        ),
    },
)
