"""A guest's kernel is started directly with its own arguments, a serial console, and nothing that keeps it silent."""

from __future__ import annotations

import pytest

from imgtools.errors import GuestFileError, UnsupportedGuest
from imgtools.guest.boot.direct_kernel import CONSOLE, arguments, kernel_of
from imgtools.guest.boot.kernels import Kernel
from imgtools.guest.guest import Guest
from imgtools.records.disks import Mount
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import Content, memory_files, memory_volume

HEAD = bytes(0x202) + b"HdrS" + bytes(100)
LINUX = OsInfo(OsType.LINUX, "debian", ("debian",), arch="x86_64")


def _guest(files: dict[str, Content], os: OsInfo = LINUX) -> Guest:
    volume = memory_volume("/dev/sda1", uuid="abcd")
    return Guest(volume, os, (Mount("/", volume),), memory_files(files))


def test_kernel_and_initrd_are_copied_and_gone_afterwards() -> None:
    files: dict[str, Content] = {"/boot/vmlinuz-6.1": HEAD, "/boot/initrd.img-6.1": b"initrd"}
    with kernel_of(_guest(files), ()) as kernel:
        assert kernel.kernel.read_bytes() == HEAD
        assert kernel.initrd is not None
        assert kernel.initrd.read_bytes() == b"initrd"
        assert kernel.arguments == f"root=UUID=abcd {CONSOLE}"
    assert not kernel.kernel.parent.exists()


def test_a_kernel_without_an_initrd_is_started_without() -> None:
    with kernel_of(_guest({"/boot/vmlinuz-6.1": HEAD}), ()) as kernel:
        assert kernel.initrd is None


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("root=UUID=1 ro quiet splash", "root=UUID=1 ro"),
        ("root=UUID=1 console=tty0 console=ttyS0,9600 rhgb", "root=UUID=1 console=tty0"),
        ("root=/dev/mapper/vg0-root $vt_handoff ${extra}", "root=/dev/mapper/vg0-root"),
        ("ro", "root=UUID=abcd ro"),
    ],
)
def test_arguments(said: str, given: str) -> None:
    assert (
        arguments(Kernel("6.1", "/boot/vmlinuz", cmdline=said), "abcd", "/dev/sda1") == f"{given} {CONSOLE}"
    )


def test_a_root_on_lvm_is_named_by_it() -> None:
    assert arguments(Kernel("6.1", "/boot/vmlinuz"), "abcd", "/dev/vg0/root").startswith(
        "root=/dev/mapper/vg0-root "
    )


def test_what_cannot_be_started_directly() -> None:
    with pytest.raises(GuestFileError, match="no kernel"), kernel_of(_guest({}), ()):
        pass
    elf: dict[str, Content] = {"/boot/vmlinuz-6.1": b"\x7fELF" + bytes(600)}
    with pytest.raises(UnsupportedGuest, match="no kernel that QEMU starts"), kernel_of(_guest(elf), ()):
        pass
    windows = OsInfo(OsType.WINDOWS, "windows", product_name="Windows 10")
    with pytest.raises(UnsupportedGuest, match="Windows 10"), kernel_of(_guest({}, windows), ()):
        pass
