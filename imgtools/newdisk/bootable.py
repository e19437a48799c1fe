"""The partitions of a disk that GRUB boots from: chosen by the firmwares that are to start it."""

from __future__ import annotations

from dataclasses import replace

from imgtools.errors import UsageError
from imgtools.newdisk.assemble import new_uuid
from imgtools.newdisk.layout import Layout, NewFilesystem, Part, Wish

MIB = 1 << 20
FIRMWARES = ("bios", "uefi")
# Of what both GRUB 2.06 and 2.12 read and a kernel has its root on; the rest holds no owners and links.
ROOT_TYPES = ("ext2", "ext3", "ext4", "xfs", "btrfs")
# GRUB's core image is some 30 KiB, with every module of a root on LVM, RAID or btrfs less than 512 KiB.
BIOS_BOOT = MIB
# FAT32, which is what the UEFI specification asks of an ESP (2.10, 13.3), with 4 KiB clusters needs 256 MiB; of
# smaller ones mkfs.fat makes a FAT16, which firmware reads as well. Room for GRUB, a shim, and their updates.
ESP_SIZE = 100 * MIB
# What grub-install puts into /boot/grub: modules, fonts and translations, some 16 MiB for two firmwares.
GRUB_ROOM = 32 * MIB
LEAST_ESP = 16 * MIB


def parse_firmwares(text: str) -> tuple[str, ...]:
    """Return the firmwares that a list with commas names, in the order of :data:`FIRMWARES`.

    :raises UsageError: a word is none of them.
    """
    said = [one.strip().lower() for one in text.split(",")]
    for one in said:
        if one not in FIRMWARES:
            raise UsageError(f"no such firmware: {one!r}", hint=f"--bootable takes {', '.join(FIRMWARES)}")
    return tuple(one for one in FIRMWARES if one in said)


def require_bootable_words(
    firmwares: tuple[str, ...], *, kind: str, partition: str, floppy: bool, layout: str, esp: int
) -> None:
    """Make sure that GRUB can boot from what else was asked for.

    :param esp: bytes of the ESP; 0: nobody said.
    :raises UsageError: it cannot.
    """
    if floppy:
        raise UsageError(
            "GRUB needs partitions, and a floppy has none", hint="leave --floppy or --bootable away"
        )
    if partition == "none":
        raise UsageError(
            "GRUB needs a table of partitions", hint="--partition gpt or mbr; gpt without a word of it"
        )
    if partition == "mbr" and "bios" not in firmwares:
        raise UsageError("an MBR is for a BIOS", hint="--partition gpt, or --bootable bios,uefi")
    if layout:
        raise UsageError("--bootable chooses the partitions itself", hint="leave --layout away")
    if kind not in ROOT_TYPES:
        raise UsageError(f"GRUB boots no Linux from {kind}", hint=f"--type {', '.join(ROOT_TYPES)}")
    if esp and "uefi" not in firmwares:
        raise UsageError("a BIOS has no EFI system partition", hint="--bootable bios,uefi")
    if esp and esp < LEAST_ESP:
        raise UsageError(f"an EFI system partition of {esp} bytes is too small for GRUB", hint="--esp 100M")


def bootable_layout(
    firmwares: tuple[str, ...], table: str, root: NewFilesystem, esp: int, esp_place: str, seed: str
) -> Layout:
    """Return the partitions, the root as the last; every filesystem has a UUID.

    :param firmwares: of :data:`FIRMWARES`.
    :param table: "gpt" or "mbr". A BIOS reads GRUB from behind an MBR, on a GPT it has a partition of its own.
    :param esp: bytes of the ESP.
    :param esp_place: where it is mounted.
    :param seed: what UUIDs are made of; empty: of chance.
    """
    parts: list[Part] = []
    if "bios" in firmwares and table == "gpt":
        parts.append(Part("bios", "BIOS boot", Wish(BIOS_BOOT, BIOS_BOOT)))
    if "uefi" in firmwares:
        made = with_uuid(NewFilesystem("vfat", "EFI", moment=root.moment), seed, esp_place)
        parts.append(Part("esp", "EFI", Wish(esp, esp), made, mount=esp_place))
    # A BIOS of some makers starts no MBR without an active partition.
    active = "bios" in firmwares and table == "mbr"
    parts.append(Part(name="root", filesystem=with_uuid(root, seed, "/"), mount="/", bootable=active))
    return Layout(table, tuple(parts))


def with_room(layout: Layout, least: int) -> Layout:
    """Return a layout whose root has at least ``least`` bytes and room for what grub-install puts there."""
    *others, root = layout.parts
    return replace(layout, parts=(*others, replace(root, size=Wish(least + GRUB_ROOM))))


def with_uuid(new: NewFilesystem, seed: str, place: str) -> NewFilesystem:
    """Return a filesystem with a UUID, spelled as udev does: an fstab names it before it is made."""
    if new.uuid:
        return replace(new, uuid=new.uuid.lower())
    found = str(new_uuid(seed, f"filesystem {place} {new.kind}"))
    if new.kind == "vfat":
        return replace(new, uuid=f"{found[:4]}-{found[4:8]}".upper())
    return replace(new, uuid=found)
