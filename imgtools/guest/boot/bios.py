"""What a BIOS starts: the boot sector, GRUB's core image behind it, and the folder that this one looks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.errors import GuestFileError
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.firmware import BIOS_BOOT
from imgtools.guest.boot.grub_place import GrubPlace, place_of
from imgtools.records.disks import DeviceBytes, Disk, Partition
from imgtools.volumes.boot_code import BootCode
from imgtools.volumes.grub_core import Core, differences, mends_itself, read_core, unpack_core

SECTOR = 512
GRUB_FOLDERS = ("/boot/grub", "/boot/grub2")
LEGACY = ("/boot/grub/stage2", "/grub/stage2")
LDLINUX = ("/boot", "/boot/extlinux", "/boot/syslinux", "/extlinux", "/syslinux")
LARGEST_CORE = 4 << 20  # bytes; 30 kB are usual
MARKS = (b"SYSLINUX", b"EXTLINUX")  # at byte 3 of a partition that syslinux was installed in


@dataclass(frozen=True, slots=True)
class InstalledCore:
    """GRUB's core image as a disk has it.

    ``problem``: what is wrong with its bytes; ``mends_itself``: GRUB gets over it. ``original``: the file that it was
    made of, "" if there is none. ``intruders``: partitions that are not for it and that it lies in. ``place`` is None
    where nothing of it unpacks.
    """

    disk: Disk
    core: Core
    problem: str = ""
    original: str = ""
    intruders: tuple[Partition, ...] = ()
    place: GrubPlace | None = None
    mends_itself: bool = False

    @property
    def sectors(self) -> str:
        """Where it lies, as people write it."""
        return ", ".join(f"{start}-{start + count - 1}" for start, count in self.core.stretches)


def bios_loader(files: GuestReader) -> tuple[BootCode, str]:
    """Return which boot loader of the BIOS's the guest's own files say was installed, and the file that says so."""
    for folder in GRUB_FOLDERS:
        for name in ("core.img", "boot.img"):
            if files.is_file(f"{folder}/i386-pc/{name}"):
                return BootCode.GRUB, f"{folder}/i386-pc/{name}"
    if found := ldlinux(files):
        return BootCode.SYSLINUX, found
    for path in LEGACY:
        if files.is_file(path):
            return BootCode.GRUB_LEGACY, path
    return BootCode.NONE, ""


def ldlinux(files: GuestReader) -> str:
    """Return the path of what syslinux's boot sector loads; "" if it is not there."""
    return next((f"{one}/ldlinux.sys" for one in LDLINUX if files.is_file(f"{one}/ldlinux.sys")), "")


def installed_core(files: GuestReader, file: DeviceBytes, disk: Disk, sector: int) -> InstalledCore:
    """Read the core image that a boot sector leads to, and hold it against the file that it was made of."""
    core = read_core(file, sector)
    original, content = _original(files)
    problem = core.problem
    if not problem and content and unpack_core(content)[1] == core.built:
        changed = differences(core.content, content)
        problem = f"{changed} of its bytes are not what {original} has" if changed else ""
    mends = bool(problem) and mends_itself(core.content, content)
    built = unpack_core(content)[1] if mends else core.built
    return InstalledCore(
        disk,
        core,
        problem,
        original,
        tuple(_intruders(disk, core)),
        place_of(built) if built is not None else None,
        mends,
    )


def _original(files: GuestReader) -> tuple[str, bytes]:
    for folder in GRUB_FOLDERS:
        path = f"{folder}/i386-pc/core.img"
        try:
            return path, files.read_bytes(path, limit=LARGEST_CORE)
        except GuestFileError:
            continue
    return "", b""


def _intruders(disk: Disk, core: Core) -> Iterator[Partition]:
    """Yield the partitions that the core lies in and that are not GRUB's own room."""
    for one in disk.partitions:
        if one.type.upper() == BIOS_BOOT or one.kind == "extended":
            continue
        first, end = one.start // SECTOR, (one.start + one.size) // SECTOR
        if any(start < end and start + count > first for start, count in core.stretches):
            yield one


def has_syslinux(file: DeviceBytes | None) -> bool:
    """Whether a partition begins with syslinux's boot sector."""
    return file is not None and file.read_at(3, 8) in MARKS
