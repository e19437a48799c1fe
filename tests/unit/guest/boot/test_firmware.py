"""Which firmware starts a disk is told by what is there to be started, not by its partitions alone."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace

import pytest

from imgtools.guest.boot.firmware import BIOS_BOOT, Firmware, cause_of_silence, firmware_of, started_by
from imgtools.guest.find.layout import ESP
from imgtools.records.disks import Disk, Mount
from imgtools.volumes.boot_code import GRUB, BootCode
from imgtools.volumes.volume_file import DiskFile
from tests.support.images import partitioned
from tests.support.memory import Content, memory_files, memory_volume
from tests.support.volumes import bytes_volume

LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
BOTH = partitioned(BIOS_BOOT, ESP, LINUX)  # a GiB each, from 1 GiB on
UEFI = partitioned(ESP, LINUX)
MBR = partitioned("0x83", table="dos")
LOADER = {"/boot/efi/EFI/BOOT/BOOTX64.EFI": "MZ"}
IN_BIOS_BOOT = (1 << 30) // 512


def grub(core: int = IN_BIOS_BOOT) -> bytes:
    head = bytearray(b"\xeb\x63\x90".ljust(0x180, b"\0") + GRUB)
    struct.pack_into("<Q", head, 0x5C, core)
    return bytes(head)


GENERIC = b"\x33\xc0Missing operating system.\r\n"  # syslinux', looks for an active partition
STRANGE = b"\xfa\xb8\x00\x10 somebody's"


def sector(code: bytes, end: bytes = b"\x55\xaa") -> DiskFile:
    return bytes_volume(code.ljust(510, b"\0") + end + bytes(512))


def active(disk: Disk, flag: str = "boot") -> Disk:
    first, *rest = disk.partitions
    return replace(disk, partitions=(replace(first, flags=(flag,)), *rest))


def started(
    disk: Disk, code: bytes, files: Mapping[str, Content], mounted: bool = True, end: bytes = b"\x55\xaa"
) -> str | None:
    """The name of what starts a disk; its ESP is mounted where Debian does that."""
    esps = [one for one in disk.partitions if one.type in (ESP, "0xef")]
    mounts = [Mount("/boot/efi", memory_volume(one.device)) for one in esps if mounted]
    found = started_by((disk,), lambda _device: sector(code, end), memory_files(dict(files)), mounts)
    return found.name if found is not None else None


@pytest.mark.parametrize(
    ("disk", "code", "files", "wanted"),
    [
        (BOTH, grub(), LOADER, "bios+uefi"),
        (BOTH, grub(), {}, "bios"),  # the ESP is empty
        (BOTH, b"", LOADER, "uefi"),  # room for a BIOS's loader, and no boot code
        (BOTH, b"", {}, ""),
        (UEFI, grub(1), LOADER, "uefi"),  # left from the time of an MBR: the GPT lies over its second part
        (UEFI, grub(33), LOADER, "uefi"),
        (UEFI, grub((2 << 30) // 512), LOADER, "bios+uefi"),  # by block lists, in the root
        (UEFI, grub((3 << 30) // 512), LOADER, "uefi"),  # the first sector behind the last partition
        (UEFI, GENERIC, LOADER, "uefi"),
        (UEFI, STRANGE, LOADER, "uefi"),
        (active(UEFI, "legacy-boot"), GENERIC, {}, "bios"),
        (UEFI, b"", {"/boot/efi/efi/boot/bootx64.efi": "MZ"}, "uefi"),
        (
            UEFI,
            b"",
            {"/boot/efi/EFI/debian/grubx64.efi": "MZ"},
            "",
        ),  # only found with an entry of the firmware's
        (UEFI, b"", {"/boot/efi/EFI/BOOT/BOOTIA32.EFI": "MZ"}, ""),
        (MBR, grub(1), {}, "bios"),
        (MBR, b"", {}, ""),
        (MBR, GENERIC, {}, ""),
        (active(MBR), GENERIC, {}, "bios"),
        (active(MBR), STRANGE, {}, "bios"),
        (partitioned("0xef", "0x83", table="dos"), grub(1), LOADER, "bios+uefi"),
        (Disk("/dev/sda", 1 << 30), grub(1), {}, "bios"),
    ],
)
def test_what_there_is_to_start(disk: Disk, code: bytes, files: Mapping[str, Content], wanted: str) -> None:
    assert started(disk, code, files) == wanted


def test_an_esp_that_nobody_looks_into_may_hold_anything() -> None:
    assert started(UEFI, b"", {}, mounted=False) == "uefi"


def test_a_bios_starts_nothing_without_the_signature() -> None:
    assert started(MBR, grub(1), {}, end=b"\0\0") == ""


def test_bytes_that_nobody_can_read_tell_nothing() -> None:
    assert started_by((BOTH,), lambda _device: None, memory_files({}), ()) is None
    assert started_by((), lambda _device: sector(grub()), memory_files({}), ()) is None
    assert firmware_of((BOTH,), lambda _device: None) == Firmware(bios=True, uefi=True)


def test_whose_code_is_started_is_told() -> None:
    second = replace(MBR, device="/dev/sdb")
    disks = {"/dev/sda": sector(GENERIC), "/dev/sdb": sector(grub(1))}
    found = started_by((MBR, second), disks.get, memory_files({}), ())
    assert found is not None
    assert found.code.code is BootCode.GRUB


@pytest.mark.parametrize(
    ("code", "cause"), [(b"", "boot-code-missing"), (grub(), "grub-core-damaged"), (GENERIC, "")]
)
def test_what_is_to_blame_for_silence(code: bytes, cause: str) -> None:
    assert cause_of_silence((MBR,), lambda _device: sector(code)) == cause
    assert cause_of_silence((MBR,), lambda _device: None) == ""
