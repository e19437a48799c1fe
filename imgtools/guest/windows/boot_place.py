r"""Where Windows boots from: its boot manager and its boot configuration, on the ESP or the active partition.

Source: "UEFI/GPT-based hard drive partitions", "BIOS/MBR-based hard drive partitions" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.windows.boot_device import disk_of
from imgtools.guest.windows.registry import BOOT_FILES, BOOT_HIVE_PATHS, BOOT_VOLUME
from imgtools.records.disks import Declined, Layout, Partition, Volume

OpenVolume = Callable[[Volume], GuestReader | Declined]

ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
ESP_MBR = "0xef"
MANAGER = "/EFI/Microsoft/Boot/bootmgfw.efi"
# What firmware starts that has no entry of its own, by the guest's processor (UEFI 2.10, 3.5.1.1).
FALLBACKS = {"x86_64": "bootx64.efi", "i386": "bootia32.efi", "aarch64": "bootaa64.efi", "arm": "bootarm.efi"}
OLD_MANAGER = "/bootmgr"
FILESYSTEMS = ("vfat", "ntfs")
# $Boot of NTFS has 16 sectors: the boot record, and behind it its code, with the name of what it starts.
BOOT_RECORD = 16 * 512
STARTS = tuple(name.encode(how) for name in ("BOOTMGR", "NTLDR") for how in ("utf-16-le", "ascii"))
MBR_CODE = 440  # bytes of a master boot record that are code


@dataclass(frozen=True, slots=True)
class BootPlace:
    """The volume that a machine with this Windows boots from.

    ``top`` stands before each path on it, in ``files``: "/S:" where it is mounted beside the system's own volume, else
    "". ``store`` is the path of the boot configuration in ``files``; "" if it is not there.
    """

    is_efi: bool
    volume: Volume
    files: GuestReader
    top: str
    store: str = ""

    @property
    def manager(self) -> str:
        """The path of the boot manager in ``files``, whether or not it is there."""
        return self.top + (MANAGER if self.is_efi else OLD_MANAGER)

    def fallback(self, arch: str) -> str:
        """The path of what firmware starts on its own in ``files``; "" where there is no such thing."""
        name = FALLBACKS.get(arch, "") if self.is_efi else ""
        return f"{self.top}/EFI/Boot/{name}" if name else ""


def find_boot_place(guest: Guest, layout: Layout, open_volume: OpenVolume) -> BootPlace | None:
    """Return where a Windows boots from; None if no volume of the image looks like it.

    A volume with the boot configuration first, then one with the boot manager, then the ESP or the active partition of
    the disk that Windows is on.

    :param guest: of :func:`imgtools.guest.windows.boot_volume.with_boot_volume`.
    """
    for path in BOOT_HIVE_PATHS:
        if guest.files.is_file(path):
            is_apart = path.startswith(f"{BOOT_VOLUME}/")
            mounts = {mount.path: mount.volume for mount in guest.mounts}
            volume = mounts.get(BOOT_VOLUME, guest.root) if is_apart else guest.root
            top = BOOT_VOLUME if is_apart else ""
            return BootPlace(path.endswith(BOOT_FILES[0]), volume, guest.files, top, path)
    others = list(_others(guest, layout, open_volume))
    for one in others:
        if one.files.is_file(one.manager):
            return one
    marked = _marked(guest, layout)
    return next((one for one in others if marked is not None and marked.device == one.volume.device), None)


def _others(guest: Guest, layout: Layout, open_volume: OpenVolume) -> Iterator[BootPlace]:
    """Yield every volume that could be it, as either kind; the system's own only has the old one's."""
    yield BootPlace(False, guest.root, guest.files, "")
    partitions = {one.device: one for disk in layout.disks for one in disk.partitions}
    for volume in layout.volumes:
        if volume.content not in FILESYSTEMS or volume.device == guest.root.device:
            continue
        files = open_volume(volume)
        if isinstance(files, Declined):
            continue
        partition = partitions.get(volume.device)
        if files.is_file(MANAGER) or (partition is not None and is_esp(partition)):
            yield BootPlace(True, volume, files, "")
        else:
            yield BootPlace(False, volume, files, "")


def is_esp(partition: Partition) -> bool:
    """Whether a partition is an EFI system partition by its type."""
    return partition.type.upper() == ESP or partition.type == ESP_MBR


def _marked(guest: Guest, layout: Layout) -> Partition | None:
    """The partition that firmware boots from by its type or flag, on the disk that Windows is on."""
    disk = disk_of(guest.root, layout)
    partitions = disk.partitions if disk is not None else ()
    return next((one for one in partitions if is_esp(one) or is_active(one)), None)


def is_active(partition: Partition) -> bool:
    """Whether a partition of an MBR has the flag that boot code looks for."""
    return partition.kind != "logical" and "boot" in partition.flags


def starts_windows(record: bytes) -> bool:
    """Whether the boot record of a partition (``BOOT_RECORD`` bytes) starts a boot manager of Windows."""
    return any(name in record for name in STARTS)
