"""What users put into the machine carries no devices and no set-user-ID programs.

Somebody who is root elsewhere can make such a disk or stick. ``user`` in fstab already means nodev, nosuid and
noexec, unless a later option takes it back. Source: mount(8), section "FILESYSTEM-INDEPENDENT MOUNT OPTIONS".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.find.fstab import FSTAB, FstabEntry, read_fstab
from imgtools.guest.settings.mounts import Mounted
from imgtools.ops.check import Check, Seen
from imgtools.ops.mount_checks import Options, lacking
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

DEVICES = re.compile(r"/dev/(cdrom|dvd|cdrw|sr\d|scd\d|fd\d|floppy)")
PLACES = re.compile(r"/(media|mnt)/(cdrom|dvd|floppy|usb|stick)")


@dataclass(frozen=True, slots=True)
class Params(Options):
    """``options`` are those that such mounts should have."""

    options: tuple[str, ...] = ("nodev", "nosuid")


def is_removable(entry: FstabEntry) -> bool:
    """Whether a line is for what comes and goes: by its device or place, or because users may mount it."""
    users = any(entry.option(name) is not None for name in ("user", "users", "owner", "group"))
    return bool(users or DEVICES.match(entry.spec) or PLACES.match(entry.path))


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield the options that lines of fstab for such disks lack."""
    entries = [one for one in read_fstab(examined.files).entries if is_removable(one) and one.path != "none"]
    if not entries:
        yield NotThere("fstab has no line for what comes and goes")
    for entry in entries:
        yield from lacking(Mounted(entry, FSTAB), params.options)


CHECK = Check(
    title="Removable disks carry no devices and no set-user-ID programs",
    severity=Level.MEDIUM,
    look=look,
    params=Params,
    references=("NIST 800-53 MP-7",),
)
