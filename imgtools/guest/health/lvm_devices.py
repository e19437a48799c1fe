"""The file of devices that LVM may use, lvmdevices(8), and whether the guest's LVM looks at it."""

from __future__ import annotations

import re

from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest

DEVICES = "/etc/lvm/devices/system.devices"
CONFIG = "/etc/lvm/lvm.conf"
LIMIT = 1 << 20  # bytes


def uses_devices_file(guest: Guest) -> bool:
    """Whether LVM takes only what the file lists: the default of Red Hat's since 9 and Fedora's since 36."""
    files = guest.files
    if not files.is_file(DEVICES) or files.stat(DEVICES).size > LIMIT:
        return False
    if files.is_file(CONFIG) and files.stat(CONFIG).size <= LIMIT:
        said = re.findall(
            r"(?m)^[ \t]*use_devicesfile[ \t]*=[ \t]*([01])", files.read_text(CONFIG, limit=LIMIT)
        )
        if said:
            return bool(said[-1] == "1")
    first = {"fedora": 36}.get(guest.os.distro, 9)
    return guest.os.is_family("rhel", "fedora") and guest.os.major >= first


def listed_volumes(files: GuestReader) -> frozenset[str]:
    """Return the UUIDs of the physical volumes that the file lists, without dashes."""
    text = files.read_text(DEVICES, limit=LIMIT)
    return frozenset(re.findall(r"(?m)^IDTYPE=.*\bPVID=([A-Za-z0-9]{32})\b", text))
