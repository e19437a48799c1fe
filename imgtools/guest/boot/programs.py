"""The guest's own programs that make what it boots with: where they are, and the scripts that run them.

Each script ends with an error if what it was to make is not there afterwards, or cannot be read by the program that
belongs to it: the whole edit is thrown away then.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.kernels import Kernel

FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
# What makes an initramfs, the first that is there. Some distributions bring a second one that they do not use.
MAKERS = ("update-initramfs", "mkinitcpio", "booster", "mkinitfs", "dracut")
LISTERS = {"update-initramfs": "lsinitramfs", "mkinitcpio": "lsinitcpio", "dracut": "lsinitrd"}
# Debian's hook calls dracut with the name that its GRUB and kernel-install know; dracut's own would be another one.
DEBIANS_DRACUT = "/etc/kernel/postinst.d/dracut"
SYSTEMD_BOOT = "/usr/lib/systemd/boot/efi/systemd-boot*.efi"  # what bootctl copies; bootctl(1)
# Of any hardware: what a program sees in here is the appliance's.
_MAKE = {
    "update-initramfs": "rm -f @PATH@\nupdate-initramfs -c -k @VERSION@",
    "dracut": "dracut --force --no-hostonly @PATH@ @VERSION@",
    "mkinitcpio": "mkinitcpio -k @VERSION@ -g @PATH@ -S autodetect",
    "booster": "booster build --force --universal --kernel-version @VERSION@ @PATH@",
    "mkinitfs": "mkinitfs -o @PATH@ @VERSION@",
}


def find_program(files: GuestReader, *names: str) -> str:
    """Return the path of the first of some programs that the guest has; "" if it has none."""
    paths = (f"{folder}/{name}" for name in names for folder in FOLDERS)
    return next((path for path in paths if files.is_file(path)), "")


def find_maker(files: GuestReader) -> str:
    """Return the name of the program that makes the guest's initramfs; "" if it has none."""
    return next((name for name in MAKERS if find_program(files, name)), "")


def initramfs_path(files: GuestReader, kernel: Kernel) -> str:
    """Return where the initramfs of a kernel is, or would be if it had one, by the custom of what makes it."""
    if kernel.initrd:
        return kernel.initrd
    folder, _, name = kernel.vmlinuz.rpartition("/")
    if name == "linux" and folder.endswith(f"/{kernel.version}"):
        return f"{folder}/initrd"  # of the Boot Loader Specification
    suffix = name.partition("-")[2] or kernel.version
    maker = find_maker(files)
    if maker == "update-initramfs" or files.is_file(DEBIANS_DRACUT):
        return f"/boot/initrd.img-{kernel.version}"
    if maker == "dracut" and files.is_dir("/etc/zypp"):
        return f"/boot/initrd-{kernel.version}"
    return f"/boot/initramfs-{suffix}" + ("" if maker == "mkinitfs" else ".img")


def initramfs_script(files: GuestReader, kernel: Kernel, copies: Sequence[str] = ()) -> str:
    """Return the script that makes a kernel's initramfs anew, and has it read again.

    :param copies: where it has to lie as well.
    """
    maker, path = find_maker(files), shlex.quote(initramfs_path(files, kernel))
    made = _MAKE[maker].replace("@PATH@", path).replace("@VERSION@", shlex.quote(kernel.version))
    lines = ["set -e", made, f"test -s {path} || {{ echo {maker} has made nothing; exit 1; }}"]
    lister = LISTERS.get(maker, "")
    if lister and find_program(files, lister):
        lines.append(f"{lister} {path} >/dev/null")
    # Over what is there: an ESP has hardly room for both.
    lines += [f"cat {path} >{shlex.quote(copy)}" for copy in copies]
    return "\n".join(lines) + "\n"


def uses_systemd_boot(files: GuestReader) -> bool:
    """Whether the guest has systemd-boot to install, and no GRUB that it starts by."""
    return any(True for _path in files.glob(SYSTEMD_BOOT)) and not grub_folder(files)


def grub_folder(files: GuestReader) -> str:
    """Return where GRUB 2 has its files: /boot/grub2 or /boot/grub; "" if there is neither."""
    return next((one for one in ("/boot/grub2", "/boot/grub") if files.is_dir(one)), "")


def grub_configs(files: GuestReader) -> tuple[str, ...]:
    """Return the configurations that grub-mkconfig is to make: where /etc/grub2.cfg and its kin lead, or the usual."""
    links = [one for one in ("/etc/grub2.cfg", "/etc/grub2-efi.cfg") if files.lstat(one) is not None]
    found = [_led_to(files, link) for link in links]
    usual = f"{grub_folder(files) or '/boot/grub'}/grub.cfg"
    there = [one for one in dict.fromkeys(found) if one and files.is_dir(one.rpartition("/")[0])]
    return tuple(there) or (usual,)


def _led_to(files: GuestReader, link: str) -> str:
    """Where a link in /etc leads, whether that is there or not."""
    target = files.read_link(link)
    return target if target.startswith("/") else f"/{target.removeprefix('../')}"


def grub_config_script(files: GuestReader) -> str:
    """Return the script that makes GRUB's configuration anew, and sees that it starts something."""
    program = find_program(files, "grub-mkconfig", "grub2-mkconfig")
    checker = find_program(files, "grub-script-check", "grub2-script-check")
    lines = ["set -e", "export GRUB_DISABLE_OS_PROBER=true"]
    for path in map(shlex.quote, grub_configs(files)):
        lines.append(f"{program} -o {path}")
        lines.append(f"grep -q -e menuentry -e blscfg {path} || {{ echo the menu is empty; exit 1; }}")
        lines += [f"{checker} {path}"] if checker else []
    return "\n".join(lines) + "\n"


def grub_install_script(files: GuestReader, targets: Sequence[str], folder: str, vendor: str) -> str:
    """Return the script that installs GRUB: for BIOS on each of the disks that are its arguments, for UEFI in the ESP.

    :param targets: GRUB's names of platforms: i386-pc, x86_64-efi.
    :param folder: where the ESP is mounted.
    :param vendor: the folder below EFI that the distribution has its loader in; "": only the fallback path is written.
    """
    program = find_program(files, "grub-install", "grub2-install")
    lines = ["set -e"]
    for target in targets:
        if not target.endswith("-efi"):
            lines.append(f'for disk in "$@"; do {program} --target={target} --recheck "$disk"; done')
            continue
        common = f"{program} --target={target} --efi-directory={shlex.quote(folder)} --no-nvram"
        lines.append(f"{common} --removable")
        lines += [f"{common} --bootloader-id={shlex.quote(vendor)}"] if vendor else []
    return "\n".join(lines) + "\n"
