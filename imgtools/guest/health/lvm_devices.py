"""The file of the devices that LVM may use: lvmdevices(8), /etc/lvm/devices/system.devices.

A physical volume that it does not name does not exist for LVM, so a root on it is not found. Entries name disks by
serial numbers that a copy of the disk does not have; LVM then goes by the PVID of those that are of type ``devname``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import TABLE_LIMIT
from imgtools.guest.guest import Guest
from imgtools.records.lvm import PhysicalVolume

DEVICES = "/etc/lvm/devices/system.devices"
LVM_CONF = "/etc/lvm/lvm.conf"
# The first releases whose LVM reads the file without being told to (--with-default-use-devices-file).
SINCE = {"fedora": 36, "rhel": 9}
LOCAL_CONF = "/etc/lvm/lvmlocal.conf"


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """One entry; ``pvid`` is the UUID of the physical volume without dashes, "" if the entry has none."""

    line: int
    text: str
    pvid: str


@dataclass(frozen=True, slots=True)
class LvmDevices:
    """What the file is like: ``used`` if LVM reads it, ``hidden`` what it does not name, ``gone`` what is nowhere.

    :param is_of_these: whether it names any physical volume of these disks.
    """

    used: bool
    is_of_these: bool
    hidden: tuple[PhysicalVolume, ...]
    gone: tuple[DeviceLine, ...]


def read_lvm_devices(guest: Guest) -> LvmDevices | None:
    """Compare the file with the physical volumes of the disks; None if there is no file."""
    files = guest.files
    if guest.layout is None or not files.is_file(DEVICES) or files.stat(DEVICES).size > TABLE_LIMIT:
        return None
    entries = tuple(
        DeviceLine(number, line, match[1])
        for number, line in enumerate(files.read_text(DEVICES, limit=TABLE_LIMIT).split("\n"), 1)
        if not line.startswith("#") and (match := re.search(r"\bPVID=(\w{32})\b", line))
    )
    named = {one.pvid for one in entries}
    there = {pvid_of(one): one for one in guest.layout.pvs}
    hidden = tuple(one for pvid, one in there.items() if pvid not in named and one.vg)
    gone = tuple(one for one in entries if one.pvid not in there)
    return LvmDevices(
        _is_used(guest), not named.isdisjoint(there), hidden, () if guest.layout.unread else gone
    )


def pvid_of(volume: PhysicalVolume) -> str:
    """Return the UUID of a physical volume as the file has it, without dashes."""
    return volume.uuid.replace("-", "")


def _is_used(guest: Guest) -> bool:
    for path in (LOCAL_CONF, LVM_CONF):
        said = _setting(guest.files, path)
        if said is not None:
            return said
    first = SINCE.get(guest.os.distro, SINCE["rhel"])
    return guest.os.is_family(*SINCE) and guest.os.major >= first


def _setting(files: GuestReader, path: str) -> bool | None:
    if not files.is_file(path) or files.stat(path).size > TABLE_LIMIT:
        return None
    found = re.findall(r"(?m)^\s*use_devicesfile\s*=\s*(\d)", files.read_text(path, limit=TABLE_LIMIT))
    return found[-1] != "0" if found else None
