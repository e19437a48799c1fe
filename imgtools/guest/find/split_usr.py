"""Systems whose /usr is a volume of its own that no fstab names: Flatcar, Container Linux, images of mkosi.

Their root may hold nothing but /etc, and /etc/os-release leads into the /usr that is not there. Which volume it is, the
types of the GPT say, or its label. Types: the Discoverable Partitions Specification of the UAPI group, and Flatcar's
disk_layout.json; which of two is booted, ChromeOS' attributes (bits 48 to 51 are the priority).
"""

from __future__ import annotations

import re

from imgtools.files.tree import GuestReader
from imgtools.guest.find.disk_of import disk_of
from imgtools.records.disks import Disk, Layout, Partition, Volume
from imgtools.records.files import FileKind


def _guids(text: str) -> frozenset[str]:
    return frozenset(text.split())


COREOS_USR = "5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6"
USR_TYPES = _guids(
    """
    5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6 8484680C-9521-48C6-9C11-B0720656F69E B0E01050-EE5F-4390-949A-9101B17104E9
    75250D76-8CC6-458E-BD66-BD47CC81A812 E18CF08C-33EC-4C0D-8246-C6C6FB3DA024 7978A683-6316-4922-BBEE-38BFF5A2FECC
    7D0359A3-02B3-4F0A-865C-654403E70625 4301D2A6-4E3B-4B2A-BB94-9E0B2C4225EA E611C702-575C-4CBE-9A46-434FA0BF7E3F
    0F4868E9-9952-4706-979F-3ED3A473E947 C97C1F32-BA06-40B4-9F22-236061B08AA8 7D14FEC5-CC71-415D-9D6C-06BF0B3C3EAF
    2C9739E2-F068-46B3-9FD0-01C5A9AFBCCA 15BB03AF-77E7-4D4A-B12B-C0D084F7491C B933FB22-5C3F-4F91-AF90-E2BB0FA50702
    BEAEC34B-8442-439B-A40B-984381ED097D CD0F869B-D0FB-4CA0-B141-9EA87CC78D66 8A4F5770-50AA-4ED3-874A-99B710DB6FEA
    55497029-C7C1-44CC-AA39-815ED1558630
    """
)
ROOT_TYPES = _guids(
    """
    3884DD41-8582-4404-B9A8-E9B84F2DF50E 4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 B921B045-1DF0-41C3-AF44-4C6F280D3FAE
    44479540-F297-41B2-9AF7-D131D5F0458A 6523F8AE-3EB1-4E2A-A05A-18B695AE656F D27F46ED-2919-4CB8-BD25-9531F3C16534
    69DAD710-2CE4-4E3C-B16C-21A1D49ABED3 993D8D3D-F80E-4225-855A-9DAF8ED7EA97 77055800-792C-4F94-B39A-98C91B762BB6
    37C58C8A-D913-4156-A25F-48B1B64E07F0 700BDA43-7A34-4507-B179-EEB93D7A7CA3 1DE3F1EF-FA98-47B5-8DCD-4A860A654D78
    912ADE1D-A839-4913-8964-A10EEE08FBD2 C31C45E6-3F39-412E-80FB-4809C4980599 60D5A7FE-8E7D-435C-B714-3DD8162144E1
    72EC70A6-CF74-40E6-BD49-4BDA08E8F224 08A7ACEA-624C-4A20-91E8-6E0FA67D23F9 5EEAD9A9-FE09-4A1E-A1D7-520D00531306
    C50CDD70-3862-4CC3-90E1-809A8C93EE2C
    """
)
# /usr of x86-64, arm64, x86, arm, riscv64, ppc64-le, s390x, loongarch64: the hashes that dm-verity checks it by.
VERITY_TYPES = _guids(
    """
    77FF5F63-E7B6-4633-ACF4-1565B864C0E6 6E11A4E7-FBCA-4DED-B9E9-E1A512BB664E 8F461B0D-14EE-4E81-9AA9-049B6FB97ABD
    C215D751-7BCD-4649-BE90-6627490A4C05 8F1056BE-9B05-47C4-81D6-BE53128E5B54 EE2B9983-21E8-4153-86D9-B6901A54D1CE
    31741CC4-1A2A-4111-A581-E00B447D2D06 F46B2C26-59AE-48F0-9106-C50ED47F673D
    """
)
READ_ONLY = "guid:60"  # the attribute that systemd's own types have for it
LABEL = r"(?i:usr([-_].*)?)"
MARKS = ("/etc/os-release", "/bin", "/lib")


def lacks_usr(files: GuestReader) -> bool:
    """Whether a root leads into a /usr that has nothing of a system."""
    if files.is_dir("/usr/bin") or files.is_dir("/usr/lib"):
        return False
    found = (files.lstat(mark) for mark in MARKS)
    return any(one is not None and one.kind is FileKind.LINK for one in found)


def usr_volumes(root: Volume, layout: Layout) -> list[Volume]:
    """Return what may be the /usr of a root, the likeliest first; those on its own disk only, if there are any."""
    own = disk_of(root, layout)
    for disks in ([own] if own else [], [disk for disk in layout.disks if disk != own]):
        typed = [(one, part) for disk in disks for one, part in _volumes(disk, layout) if one != root]
        by_type = [pair for pair in typed if pair[1].type.upper() in USR_TYPES]
        by_label = [
            pair for pair in typed if re.fullmatch(LABEL, pair[0].label) or re.fullmatch(LABEL, pair[1].name)
        ]
        if found := by_type or by_label:
            return [one for one, _ in sorted(found, key=lambda pair: -_priority(pair[1]))]
    return []


def is_read_only(usr: Volume, layout: Layout) -> bool:
    """Whether the guest mounts its /usr for reading only, and may check every block of it: nobody may change it."""
    disk = disk_of(usr, layout)
    parts = disk.partitions if disk is not None else ()
    own = next((part for part in parts if part.device == usr.device), None)
    if own is not None and (own.type.upper() == COREOS_USR or READ_ONLY in own.flags):
        return True
    return any(part.type.upper() in VERITY_TYPES for part in parts)


def _volumes(disk: Disk, layout: Layout) -> list[tuple[Volume, Partition]]:
    parts = {part.device: part for part in disk.partitions}
    return [(one, parts[one.device]) for one in layout.volumes if one.mountable and one.device in parts]


def _priority(part: Partition) -> int:
    return sum(1 << bit for bit in range(4) if f"guid:{48 + bit}" in part.flags)
