"""How a Linux guest boots: boot loader, its configuration, the default kernel, BIOS or UEFI."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootmenu import (
    ESP_FOLDERS,
    BootEntry,
    Menu,
    extlinux_menu,
    grub2_menu,
    grub_legacy_menu,
    loader_entries,
    read_config,
    systemd_boot_menu,
)
from imgtools.guest.boot.firmware import find_firmware
from imgtools.guest.boot.kernels import Kernel, find_kernels
from imgtools.records.disks import Disk
from imgtools.records.system import Warned

GRUB2 = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg")
GRUB2_ESP = ("/boot/efi/EFI/*/grub.cfg", "/efi/EFI/*/grub.cfg")
GRUB_LEGACY = ("/boot/grub/menu.lst", "/boot/grub/grub.conf", "/etc/grub.conf")
EXTLINUX = (
    "/boot/extlinux/extlinux.conf",
    "/boot/extlinux.conf",
    "/extlinux.conf",
    "/boot/syslinux/syslinux.cfg",
    "/boot/syslinux/extlinux.conf",
)
UBOOT = ("/boot/uEnv.txt", "/boot/armbianEnv.txt", "/boot/boot.scr", "/boot/boot.cmd")


@dataclass(frozen=True, slots=True)
class Boot:
    """How a guest boots. ``firmware`` is ``bios``, ``uefi``, ``bios+uefi``, or "" if nothing tells.

    ``loader`` is ``grub2``, ``grub-legacy``, ``systemd-boot``, ``extlinux``, ``zipl``, ``u-boot``, ``lilo`` or "".
    """

    firmware: str = ""
    loader: str = ""
    config: str = ""
    kernels: tuple[Kernel, ...] = ()


def find_boot(files: GuestReader, disks: Sequence[Disk]) -> Boot:
    """Return how the guest boots, and its kernels with the default one marked.

    :param disks: the guest's own, the one with its root first.
    """
    loader, config = find_loader(files)
    kernels = _with_default(find_kernels(files), read_menu(files, loader, config))
    return Boot(find_firmware(files, disks), loader, config, kernels)


def find_loader(files: GuestReader) -> tuple[str, str]:
    """Return the boot loader and its configuration file, both "" if there is none."""
    for path in GRUB2:
        if files.is_file(path):
            return "grub2", path
    for folder in ESP_FOLDERS:
        if files.is_file(f"{folder}/loader/loader.conf"):
            return "systemd-boot", f"{folder}/loader/loader.conf"
        if any(True for _path in files.glob(f"{folder}/EFI/systemd/systemd-boot*.efi")):
            return "systemd-boot", ""
    for name, paths in (("grub-legacy", GRUB_LEGACY), ("extlinux", EXTLINUX)):
        for path in paths:
            if files.is_file(path):
                return name, path
    for pattern in GRUB2_ESP:
        for path in files.glob(pattern):
            return "grub2", path
    others = (("zipl", ("/etc/zipl.conf",)), ("lilo", ("/etc/lilo.conf",)), ("u-boot", UBOOT))
    return next(((name, path) for name, paths in others for path in paths if files.is_file(path)), ("", ""))


def find_menu(files: GuestReader) -> Menu:
    """Return the menu of the guest's boot loader; an empty one if there is none that is read."""
    return read_menu(files, *find_loader(files))


def find_own_disks(disks: Sequence[Disk], devices: Collection[str]) -> tuple[Disk, ...]:
    """Return the disks that are, or have a partition that is, one of some devices."""
    return tuple(
        disk for disk in disks if {disk.device, *(one.device for one in disk.partitions)} & set(devices)
    )


# -- what the loader starts ----------------------------------------------------------------------------------


def read_menu(files: GuestReader, loader: str, config: str) -> Menu:
    """Return the menu of a boot loader that :func:`find_loader` has found."""
    text = read_config(files, config)
    if loader == "grub2":
        return grub2_menu(files, config, text)
    if loader == "systemd-boot":
        return systemd_boot_menu(files, text)
    if loader == "extlinux":
        return extlinux_menu(text)
    if loader == "grub-legacy":
        return grub_legacy_menu(text)
    return Menu(loader_entries(files))


def _with_default(kernels: Sequence[Kernel], menu: Menu) -> tuple[Kernel, ...]:
    """Mark the kernel that the menu's default entry starts; without a menu, the newest."""
    default = menu.default or (menu.entries[0] if menu.entries else None)
    marked = []
    for kernel in kernels:
        entry = next((one for one in menu.entries if is_entry_of(one, kernel)), None)
        if default is not None and is_entry_of(default, kernel):
            entry = default
        marked.append(
            replace(
                kernel,
                default=default is not None and entry is default,
                cmdline=entry.cmdline if entry else "",
                initrd=kernel.initrd,
            )
        )
    if marked and not any(kernel.default for kernel in marked) and default is None:
        marked[0] = replace(marked[0], default=True)
    return tuple(marked)


def is_entry_of(entry: BootEntry, kernel: Kernel) -> bool:
    """Whether a menu entry starts this kernel: the same file, /boot or not, or the same version."""
    path = re.sub(r"^\([^)]*\)", "", entry.linux)  # grub's (hd0,gpt2)
    if path and (kernel.vmlinuz == path or kernel.vmlinuz.endswith(f"/{path.lstrip('/')}")):
        return True
    return bool(kernel.version) and (
        entry.version == kernel.version or path.rpartition("/")[2].partition("-")[2] == kernel.version
    )


def lacking_initrd(boot: Boot) -> Iterator[Warned]:
    """Warn of a default kernel without an initial RAM disk where others have one: the guest will not find its root."""
    if any(kernel.initrd for kernel in boot.kernels):
        for kernel in boot.kernels:
            if kernel.default and not kernel.initrd:
                text = f"the kernel that starts by default, {kernel.version}, has no initial RAM disk; others have one"
                yield Warned(text, kernel.vmlinuz)
