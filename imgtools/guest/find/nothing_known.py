"""What is said of disks on which nothing was found that imgtools knows. It is never said that they are empty."""

from __future__ import annotations

from imgtools.errors import NoGuest
from imgtools.records.disks import Disk, Layout, Partition
from imgtools.units import format_size

# Types of partitions whose content libblkid or imgtools does not read, as people meet them. GUIDs: the "GUID Partition
# Table" page of Wikipedia lists their sources; bytes of the MBR: fdisk(8).
NAMES = {
    "7C3457EF-0000-11AA-AA11-00306543ECAC": "APFS",
    "48465300-0000-11AA-AA11-00306543ECAC": "HFS+",
    "53746F72-6167-11AA-AA11-00306543ECAC": "Core Storage of macOS",
    "6A898CC3-1DD2-11B2-99A6-080020736631": "ZFS",
    "6A85CF4D-1DD2-11B2-99A6-080020736631": "Solaris root",
    "516E7CBA-6ECF-11D6-8FF8-00022D09712B": "ZFS of FreeBSD",
    "516E7CB6-6ECF-11D6-8FF8-00022D09712B": "UFS of FreeBSD",
    "49F48D5A-B10E-11DC-B99B-0019D1879648": "FFS of NetBSD",
    "824CC7A0-36A8-11E3-890A-952519AD3F61": "OpenBSD",
    "AA31E02A-400F-11DB-9590-000C2911D1B8": "VMFS of VMware",
    "AF9B60A0-1431-4F62-BC68-3311714A69AD": "dynamic disk of Windows",
    "E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D": "storage space of Windows",
    "0x42": "dynamic disk of Windows",
    "0xa5": "FreeBSD",
    "0xa6": "OpenBSD",
    "0xa9": "NetBSD",
    "0xaf": "HFS+ or APFS",
    "0xbf": "Solaris or ZFS",
    "0xfb": "VMFS of VMware",
}
MOST = 8  # places in a message


def nothing_known(layout: Layout) -> NoGuest:
    """Return the error that says where nothing is that is known. It may well be something: nobody shall wipe it."""
    places = [place for disk in layout.disks for place in _places(disk)]
    hint = "it may be of a kind that imgtools does not know, or encrypted: imgtools filesystems"
    if reasons := [f"{one.what}: {one.reason}" for one in layout.unread[:3]]:
        hint = f"{'; '.join(reasons)}; see imgtools filesystems"
    return NoGuest(
        f"no operating system found: nothing that is known on {', '.join(places[:MOST])}", hint=hint
    )


def _places(disk: Disk) -> list[str]:
    parts = [part for part in disk.partitions if part.kind != "extended"]
    if parts:
        return [f"{part.device} (type {_type(part)}, {format_size(part.size)})" for part in parts]
    facts = [f"a partition table of {disk.foreign_table}"] if disk.foreign_table else list(disk.problems)
    return [f"{disk.device} ({', '.join([*facts, format_size(disk.size)])})"]


def _type(part: Partition) -> str:
    name = NAMES.get(part.type) or NAMES.get(part.type.lower())
    return f"{part.type}, {name}" if name else part.type
