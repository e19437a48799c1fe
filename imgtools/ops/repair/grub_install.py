"""Install GRUB again, with the guest's own grub-install: for BIOS, for UEFI, or both, as the disks are made for.

For BIOS on every disk that /boot lies on, through LVM and arrays, behind the MBR or in the BIOS boot partition. For
UEFI in the ESP: in the fallback path EFI/BOOT, which needs no entry in the firmware's memory, and where the
distribution has its own folder. Not done where boot code, core image and ESP are as they should be; ``force=yes`` does
it all the same. ``disk`` names one disk, ``firmware`` one of the two. Fedora's and Red Hat's GRUB for UEFI is not
installed by that program, but by its package: there a missing fallback path is made of the distribution's shim, the
rest is for `package-files`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, WriteFile
from imgtools.errors import UnsupportedGuest
from imgtools.guest.boot.firmware import find_firmware
from imgtools.guest.boot.grub_code import core_place, is_core_sound
from imgtools.guest.boot.programs import find_program, grub_folder, grub_install_script
from imgtools.guest.guest import Guest
from imgtools.ops.boot_repairs import boot_disks, esp_folder, is_efi_program, running
from imgtools.ops.linux_repairs import one_of
from imgtools.ops.operation import LINUX, Operation
from imgtools.records.disks import Disk

# GRUB's platform for UEFI, and the loader that firmware looks for in the fallback path (UEFI 2.10, 3.5.1.1).
FALLBACKS = {"x86_64-efi": "BOOTX64.EFI", "arm64-efi": "BOOTAA64.EFI", "i386-efi": "BOOTIA32.EFI"}
SHIMS = ("shimx64.efi", "shimaa64.efi", "shim.efi")
BY_PACKAGE = ("fedora", "rhel", "centos")
LOADER_LIMIT = 32 << 20


@dataclass(frozen=True, slots=True)
class Params:
    """``disk``: such as /dev/sda, for BIOS; "": all that /boot lies on. ``force``: where nothing seems wrong too.

    ``firmware``: bios or uefi; "": what the disks are made for.
    """

    disk: str = ""
    force: bool = False
    firmware: str = ""

    def __post_init__(self) -> None:
        one_of(self.firmware, "firmware", ("", "bios", "uefi"))


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the run of grub-install, if it is needed.

    :raises UnsupportedGuest: there is no such disk, the guest has no GRUB for its firmware, or no ESP is mounted.
    """
    disks = _bios_disks(guest, params) if params.firmware != "uefi" else []
    targets, folder = (["i386-pc"] if disks else []), ""
    vendor, platform = "", _efi_platform(guest) if params.firmware != "bios" else ""
    if platform and not params.disk:
        folder = esp_folder(guest)
        if params.force or not is_efi_program(guest.files, f"{folder}/EFI/BOOT/{FALLBACKS[platform]}"):
            if guest.os.is_family(*BY_PACKAGE):
                yield from _shim(guest, folder, FALLBACKS[platform])
            else:
                targets.append(platform)
                vendor = _vendor(guest, folder)
    if targets:
        script = grub_install_script(guest.files, targets, folder, vendor)
        what = " and ".join(f"grub-install for {one}" for one in targets)
        yield running(guest, script, what, [one.device for one in disks])


def _bios_disks(guest: Guest, params: Params) -> list[Disk]:
    """The disks that have no sound boot code, though the guest has GRUB for BIOS and they have room for it."""
    if not guest.files.is_file("/usr/lib/grub/i386-pc/modinfo.sh"):
        return []
    disks = [one for one in boot_disks(guest) if core_place(one) is not None]
    if params.disk:
        disks = [one for one in guest.layout.disks if one.device == params.disk] if guest.layout else []
        if not disks or core_place(disks[0]) is None:
            raise UnsupportedGuest(
                f"{params.disk} is no disk that GRUB for BIOS can be installed on",
                hint="it needs an MBR, or a BIOS boot partition",
            )
    if params.force:
        return disks
    files = ((one, guest.open_device(one.device)) for one in disks)
    return [one for one, file in files if file is None or not is_core_sound(guest.files, one, file)]


def _efi_platform(guest: Guest) -> str:
    """The platform that the guest has GRUB for, and whose firmware its disks are made for."""
    if "uefi" not in find_firmware(guest.files, guest.layout.disks if guest.layout else ()):
        return ""
    has = [one for one in FALLBACKS if guest.files.is_file(f"/usr/lib/grub/{one}/modinfo.sh")]
    if not has and guest.os.is_family(*BY_PACKAGE):
        has = ["arm64-efi" if guest.os.arch == "aarch64" else "x86_64-efi"]
    return has[0] if has else ""


def _vendor(guest: Guest, folder: str) -> str:
    """The folder that the distribution has its loader in; "" if it has none."""
    names = [path.split("/")[-2] for path in guest.files.glob(f"{folder}/EFI/*/grub*.efi")]
    return next((one for one in names if one.upper() != "BOOT"), "")


def _shim(guest: Guest, folder: str, fallback: str) -> Iterator[Change]:
    for name in SHIMS:
        for path in guest.files.glob(f"{folder}/EFI/*/{name}"):
            if path.split("/")[-2].upper() != "BOOT":
                content = guest.files.read_bytes(path, limit=LOADER_LIMIT)
                yield WriteFile(f"{folder}/EFI/BOOT/{fallback}", content)
                return
    raise UnsupportedGuest(
        f"{folder}/EFI has no shim to make the fallback path of",
        hint="its package has it: --only package-files --set package-files.file=shim-x64-VERSION.rpm",
    )


def lacking(guest: Guest) -> str:
    """Say so if the guest has no GRUB 2, or not its program."""
    if not grub_folder(guest.files) and not guest.files.is_dir("/usr/lib/grub"):
        return "no GRUB 2"
    return "" if find_program(guest.files, "grub-install", "grub2-install") else "no grub-install"


OPERATION = Operation(
    summary="Install GRUB again",
    families=LINUX,
    plan=plan,
    params=Params,
    lacking=lacking,
    default=False,
    order=410,
    notes="Entries in the firmware's own memory are not in a disk image: the fallback path is found without one.",
)
