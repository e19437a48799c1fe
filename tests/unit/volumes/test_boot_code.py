"""Boot code is told by what everybody's says."""

from __future__ import annotations

import struct

import pytest

from imgtools.volumes.boot_code import GRUB, BootCode, read_boot_sector


def sector(code: bytes, end: bytes = b"\x55\xaa") -> bytes:
    return code.ljust(440, b"\0") + bytes(70) + end


def grub(core: int = 2048) -> bytes:
    head = bytearray(b"\xeb\x63\x90".ljust(0x180, b"\0") + GRUB)
    struct.pack_into("<Q", head, 0x5C, core)
    return bytes(head)


@pytest.mark.parametrize(
    ("code", "whose", "needs_active"),
    [
        (b"", BootCode.NONE, False),
        (grub(), BootCode.GRUB, False),
        (b"\xeb\x48\x90".ljust(0x3E, b"\0") + b"\x03\x02" + GRUB, BootCode.GRUB_LEGACY, False),
        (b"\xfa\xeb\x21\x01\xb4\x01LILO", BootCode.LILO, False),
        (b"\x33\xc0" + b"Missing operating system.\r\n", BootCode.SYSLINUX, True),
        (b"\x33\xc0" + b"Missing OS\r\n", BootCode.SYSLINUX, True),
        (b"\x33\xc0Error loading operating system\0Missing operating system\0", BootCode.WINDOWS, True),
        (b"something else", BootCode.OTHER, False),
    ],
)
def test_whose_it_is(code: bytes, whose: BootCode, needs_active: bool) -> None:
    found = read_boot_sector(sector(code))
    assert (found.code, found.needs_active, found.signed) == (whose, needs_active, True)


def test_grub_says_where_its_core_image_is() -> None:
    assert read_boot_sector(sector(grub(34))).core == 34


def test_without_a_signature_a_bios_starts_nothing() -> None:
    assert not read_boot_sector(sector(grub(), b"\0\0")).signed
