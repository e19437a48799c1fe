"""What a tree of files needs so that GRUB can be installed from it: a kernel, GRUB for a firmware, its programs."""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.errors import NoBootLoader, NoKernel, UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.kernels import Kernel, find_kernels
from imgtools.guest.boot.programs import find_program
from imgtools.guest.find.linux import is_linux_root
from imgtools.records.system import OsInfo

FIRMWARES = ("bios", "uefi")
# GRUB's platform for UEFI by the processor; for BIOS there is one.
UEFI_PLATFORMS = {"x86_64": "x86_64-efi", "aarch64": "arm64-efi", "i386": "i386-efi"}
BIOS_PLATFORM = "i386-pc"
BY_PACKAGE = ("fedora", "rhel", "centos")  # whose packages bring GRUB for UEFI as a file of the ESP
# What has GRUB for a firmware, and what has its programs, by family: Debian 12, Fedora 40, Alpine 3.20.
PACKAGES = {
    "debian": {"bios": "grub-pc-bin", "x86_64-efi": "grub-efi-amd64-bin", "arm64-efi": "grub-efi-arm64-bin",
               "i386-efi": "grub-efi-ia32-bin", "": "grub2-common"},
    "fedora": {"bios": "grub2-pc-modules", "x86_64-efi": "grub2-efi-x64 and shim-x64",
               "arm64-efi": "grub2-efi-aa64 and shim-aa64", "": "grub2-tools"},
    "alpine": {"bios": "grub-bios", "x86_64-efi": "grub-efi", "arm64-efi": "grub-efi", "": "grub"},
}  # fmt: skip
PACKAGES |= dict.fromkeys(("rhel", "centos"), PACKAGES["fedora"])


@dataclass(frozen=True, slots=True)
class GrubFound:
    """What is there. ``vendor``: the folder of the ESP that a distribution's package has its loaders in."""

    kernel: Kernel
    folder: str  # of GRUB's files, /boot/grub or /boot/grub2
    vendor: str = ""


def require_grub(files: GuestReader, os: OsInfo, firmwares: tuple[str, ...], esp: str) -> GrubFound:
    """Make sure that a tree can be made to boot by some firmwares.

    :param firmwares: of :data:`FIRMWARES`.
    :param esp: where its ESP is mounted.
    :raises NoKernel: it has no kernel, or is no Linux system.
    :raises NoBootLoader: GRUB for one of the firmwares, or one of its programs, is not there.
    :raises UnsupportedGuest: its processor has no such firmware.
    """
    if not is_linux_root(files):
        raise NoKernel("these files are no Linux system, and have no kernel to boot")
    kernels = find_kernels(files)
    if not kernels:
        raise NoKernel(
            "these files have no kernel to boot, neither in /boot nor in /usr/lib/modules",
            hint=f"install {_kernel_package(os)} in them",
        )
    kernel = next((one for one in kernels if one.vmlinuz.rpartition("/")[0] == "/boot"), None)
    if kernel is None:
        raise NoKernel(
            f"the kernel is {kernels[0].vmlinuz}, and GRUB looks in /boot",
            hint="kernel-install add, or installing its package again, puts it there",
        )
    folder = "/boot/grub2" if find_program(files, "grub2-mkconfig") else "/boot/grub"
    for firmware in firmwares:
        _require_platform(files, os, firmware, esp)
    for names in (("grub-install", "grub2-install"), ("grub-mkconfig", "grub2-mkconfig")):
        if not find_program(files, *names):
            raise NoBootLoader(f"these files have no {names[0]}", hint=_install(os, ""))
    vendor = _vendor(files, esp) if "uefi" in firmwares and os.is_family(*BY_PACKAGE) else ""
    return GrubFound(kernel, folder, vendor)


def _require_platform(files: GuestReader, os: OsInfo, firmware: str, esp: str) -> None:
    platform = BIOS_PLATFORM if firmware == "bios" else UEFI_PLATFORMS.get(os.arch, "")
    if not platform or (firmware == "bios" and os.arch not in ("x86_64", "i386", "i686")):
        raise UnsupportedGuest(f"there is no {firmware} for the processor {os.arch or 'that is not known'}")
    if firmware == "uefi" and os.is_family(*BY_PACKAGE):
        has = bool(_vendor(files, esp))
    else:
        has = files.is_file(f"/usr/lib/grub/{platform}/modinfo.sh")
    if not has:
        what = "bios" if firmware == "bios" else platform
        raise NoBootLoader(f"these files have no GRUB for {firmware} ({platform})", hint=_install(os, what))


def _vendor(files: GuestReader, esp: str) -> str:
    """The folder of the ESP that has both a shim and GRUB; "" if none has."""
    for path in files.glob(f"{esp}/EFI/*/shim*.efi"):
        folder = path.rpartition("/")[0]
        if not folder.upper().endswith("/BOOT") and any(files.glob(f"{folder}/grub*.efi")):
            return folder.rpartition("/")[2]
    return ""


def _family(os: OsInfo) -> str:
    return next((one for one in (os.distro, *os.families) if one in PACKAGES), "")


def _install(os: OsInfo, what: str) -> str:
    package = PACKAGES.get(_family(os), {}).get(what, "")
    return f"install {package} in them" if package else "install the package that has it in them"


def _kernel_package(os: OsInfo) -> str:
    family = _family(os)
    kernels = {"debian": "linux-image-amd64 or its like", "alpine": "linux-virt or linux-lts"}
    kernels |= dict.fromkeys(("fedora", "rhel", "centos"), "kernel-core")
    return kernels.get(family, "a kernel")
