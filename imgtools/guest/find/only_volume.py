"""A disk without a system: which one volume its files may be taken from, and which never.

Whoever asks for ``/`` means the files of a system, or of a disk that never held one. What is left when the root is
locked, damaged or on a disk that is missing is neither: a separate /boot, or the EFI system partition.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.errors import ImgtoolsError, NoGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.find.disk_of import disk_of
from imgtools.guest.find.layout import ESP
from imgtools.image.handle import Image
from imgtools.records.disks import Holder, Layout, Mount, Partition, Volume

XBOOTLDR = "BC13C2FF-59E6-4262-A352-B275FD6F7172"
BOOT_TYPES = frozenset({ESP, XBOOTLDR, "0xef"})
# Partitions that hold no files by what they are for: BIOS boot, Microsoft reserved, PReP (GPT and MBR).
WITHOUT_FILES = frozenset(
    {
        "21686148-6449-6E6F-744E-656564454649",
        "E3C9E316-0B5C-4DB8-817D-F92DF00215AE",
        "9E1A2D38-C612-4316-AA26-8B49521E5A8B",
        "0x41",
    }
)
SWAP = frozenset({"swap", "swsuspend"})
# What a volume that only boots a system has at its top, beside what it boots.
KERNELS = ("/vmlinuz*", "/vmlinux*", "/kernel-*", "/loader/entries")
LOADERS = ("/grub", "/grub2", "/loader", "/extlinux", "/syslinux", "/efi", "/EFI")


def only_volume(image: Image, none: ImgtoolsError, *, change: bool) -> Volume:
    """Return the one volume with files of a disk that holds nothing else.

    :param none: what to say if there is no such volume.
    :param change: it is to be written: then it has to be the whole image, or be named.
    :raises NoGuest: there are several; or what is beside it may be a root; or it is what boots a system.
    """
    layout = image.layout()
    usable = [one for one in layout.volumes if one.mountable and one.holder is not Holder.SUBVOLUME]
    if not usable:
        raise none
    only = usable[0]
    named = f"-m {only.device} looks at that volume all the same"
    if len(usable) > 1:
        names = ", ".join(f"{volume.device} ({volume.content})" for volume in usable[:8])
        raise NoGuest(
            f"no operating system found, and several volumes: {names}", hint=f"choose one: -m {only.device}"
        )
    if unknown := next(_unexplained(only, layout), ""):
        raise NoGuest(f"no operating system found; {unknown}", hint=f"{named}: {only.content}")
    if _boots(image.files([Mount("/", only)]), only, layout):
        raise NoGuest(
            f"no operating system found: {only.device} ({only.content}) only boots one, which is not there",
            hint=f"add the guest's other disks; {named}",
        )
    if change and (only.holder is not Holder.DISK or len(layout.disks) > 1):
        raise NoGuest(
            f"no operating system found, only {only.device} ({only.content})",
            hint=f"to change that volume, name it: -m {only.device}",
        )
    return only


def _unexplained(only: Volume, layout: Layout) -> Iterator[str]:
    """Yield what may be a root, or a part of one, and cannot be looked into."""
    reasons = {one.what: one.reason for one in layout.unread}
    known = _below(only, layout)
    for volume in layout.volumes:
        if volume.device in known or volume.uuid == only.uuid != "" or _holds_no_files(volume, layout):
            continue
        reason = reasons.pop(volume.device, "") or "it cannot be opened"
        yield f"{volume.device} ({volume.content or 'unknown content'}) may hold one: {reason}"
    yield from (f"{what} may hold one: {reason}" for what, reason in reasons.items() if what not in known)


def _below(volume: Volume, layout: Layout) -> set[str]:
    """Return the devices that a volume is, and is made of."""
    found: set[str] = set()
    todo = {volume.device}
    while todo:
        found |= todo
        todo = {up for one in layout.volumes if one.device in todo for up in one.parents} - found
    return found


def _holds_no_files(volume: Volume, layout: Layout) -> bool:
    if volume.content in SWAP or not volume.size:
        return True
    if volume.content:
        return False
    part = _partition(volume, layout)
    if part is None:
        return any(disk.device == volume.device and disk.table for disk in layout.disks)
    return part.kind == "extended" or part.type in WITHOUT_FILES


def _partition(volume: Volume, layout: Layout) -> Partition | None:
    disk = disk_of(volume, layout)
    parts = disk.partitions if disk else ()
    return next((part for part in parts if part.device == volume.device), None)


def _boots(files: GuestReader, volume: Volume, layout: Layout) -> bool:
    """Whether a volume is a separate /boot, an EFI system partition or Windows' system partition."""
    part = _partition(volume, layout)
    if part is not None and part.type in BOOT_TYPES:
        return True
    if volume.content in ("iso9660", "udf"):
        return False
    if files.exists("/bootmgr") and files.exists("/Boot/BCD"):
        return True
    has_kernel = any(next(iter(files.glob(pattern)), None) for pattern in KERNELS)
    return has_kernel and any(files.is_dir(loader) for loader in LOADERS)
