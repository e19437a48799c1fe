"""What files need so that GRUB can be installed from them: what is missing is told with its package."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.errors import ImgtoolsError, NoBootLoader, NoKernel, UnsupportedGuest
from imgtools.files.tree import GuestTree
from imgtools.guest.boot.grub_needs import GrubFound, require_grub
from imgtools.records.request import Engine
from imgtools.records.system import OsInfo, OsType
from tests.support.linux_boot import FILES, NEW, OLD
from tests.support.memory import Content, MemoryFilesystem

DEBIAN = OsInfo(OsType.LINUX, "debian", ("debian",), arch="x86_64")
FEDORA = replace(DEBIAN, distro="fedora", families=("fedora",))
ALPINE = replace(DEBIAN, distro="alpine", families=("alpine",))
UEFI = "/usr/lib/grub/x86_64-efi/modinfo.sh"
KERNELS: dict[str, Content | None] = {f"/boot/vmlinuz-{one}": None for one in (OLD, NEW)}
OF_FEDORA: dict[str, Content | None] = {
    "/usr/sbin/grub2-mkconfig": "", "/usr/sbin/grub2-install": "", "/usr/sbin/grub-mkconfig": None,
    "/usr/sbin/grub-install": None,
}  # fmt: skip
LOADERS = {f"/boot/efi/EFI/fedora/{one}x64.efi": "MZ" for one in ("shim", "grub")}


def found(files: dict[str, Content | None], *firmwares: str, os: OsInfo = DEBIAN) -> GrubFound:
    there = {path: content for path, content in {**FILES, **files}.items() if content is not None}
    return require_grub(GuestTree({"/": MemoryFilesystem(there)}, Engine.MEMORY), os, firmwares, "/boot/efi")


def test_files_that_are_no_system() -> None:
    with pytest.raises(NoKernel, match="no Linux system"):
        require_grub(GuestTree({"/": MemoryFilesystem({"/a": ""})}, Engine.MEMORY), DEBIAN, ("bios",), "/efi")


@pytest.mark.parametrize(
    ("os", "hint"), [(DEBIAN, "linux-image"), (FEDORA, "kernel-core"), (ALPINE, "linux-virt")]
)
def test_no_kernel(os: OsInfo, hint: str) -> None:
    with pytest.raises(NoKernel, match="no kernel to boot") as caught:
        found(KERNELS, "bios", os=os)
    assert hint in caught.value.hint


def test_a_kernel_where_grub_does_not_look_for_it() -> None:
    with pytest.raises(NoKernel, match=f"/usr/lib/modules/{NEW}/vmlinuz, and GRUB looks in /boot"):
        found({**KERNELS, f"/usr/lib/modules/{NEW}/vmlinuz": "x"}, "bios")


@pytest.mark.parametrize(
    ("os", "firmware", "package"),
    [
        (DEBIAN, "bios", "grub-pc-bin"),
        (DEBIAN, "uefi", "grub-efi-amd64-bin"),
        (replace(DEBIAN, arch="aarch64"), "uefi", "grub-efi-arm64-bin"),
        (replace(DEBIAN, distro="ubuntu", families=("ubuntu", "debian")), "uefi", "grub-efi-amd64-bin"),
        (FEDORA, "bios", "grub2-pc-modules"),
        (FEDORA, "uefi", "grub2-efi-x64 and shim-x64"),
        (replace(FEDORA, distro="rocky", families=("rocky", "rhel")), "uefi", "shim-x64"),
        (ALPINE, "bios", "grub-bios"),
        (ALPINE, "uefi", "grub-efi"),
        (replace(DEBIAN, distro="void", families=("void",)), "bios", "the package that has it"),
    ],
)
def test_no_grub_for_a_firmware(os: OsInfo, firmware: str, package: str) -> None:
    with pytest.raises(NoBootLoader, match=f"no GRUB for {firmware}") as caught:
        found({"/usr/lib/grub/i386-pc/modinfo.sh": None}, firmware, os=os)
    assert package in caught.value.hint


def test_the_second_firmware_counts_too() -> None:
    with pytest.raises(NoBootLoader, match="no GRUB for uefi"):
        found({}, "bios", "uefi")


@pytest.mark.parametrize("program", ["grub-install", "grub-mkconfig"])
def test_no_program(program: str) -> None:
    with pytest.raises(NoBootLoader, match=f"no {program}") as caught:
        found({f"/usr/sbin/{program}": None}, "bios")
    assert "grub2-common" in caught.value.hint


@pytest.mark.parametrize(("arch", "firmware"), [("aarch64", "bios"), ("riscv64", "uefi"), ("", "bios")])
def test_a_processor_without_that_firmware(arch: str, firmware: str) -> None:
    with pytest.raises(UnsupportedGuest, match=f"there is no {firmware}"):
        found({}, firmware, os=replace(DEBIAN, arch=arch))


@pytest.mark.parametrize("lost", list(LOADERS))
def test_grub_and_shim_of_fedora_are_files_of_the_esp(lost: str) -> None:
    files: dict[str, Content | None] = {**OF_FEDORA, **LOADERS, lost: None}
    with pytest.raises(ImgtoolsError, match="no GRUB for uefi"):
        found(files, "uefi", os=FEDORA)


def test_what_is_found() -> None:
    debian = found({UEFI: ""}, "bios", "uefi")
    assert (debian.kernel.version, debian.folder, debian.vendor) == (NEW, "/boot/grub", "")
    fedora = found({**OF_FEDORA, **LOADERS}, "uefi", os=FEDORA)
    assert (fedora.kernel.version, fedora.folder, fedora.vendor) == (NEW, "/boot/grub2", "fedora")
