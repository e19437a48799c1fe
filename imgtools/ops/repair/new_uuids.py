"""Give a clone's filesystems new UUIDs, and have everything that names the old ones follow.

Two disks with the same UUIDs on one host mount each other's filesystems. New ones get ext, XFS, btrfs and swap; the
names are changed in fstab, crypttab, GRUB's configuration and environment, entries of the Boot Loader Specification,
/etc/default/grub, /etc/kernel/cmdline and initramfs-tools' RESUME. Then the guest's own programs run: an initramfs for
each kernel, and GRUB, whose core image may have a UUID in it. With ``lvm=yes`` LVM's physical volumes and groups get
new ones too, except the group that GRUB finds /boot in. The number of a FAT stays. The operations `fs-uuids` and
`lvm-uuids` of sysprep change the UUIDs alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from imgtools.change.change import Change, NewLvmUuids, RunInGuest, SetUuid
from imgtools.guest.boot.bootloader import EXTLINUX, GRUB2, GRUB2_ESP, GRUB_LEGACY
from imgtools.guest.boot.bootmenu import CONFIG_LIMIT, ESP_FOLDERS
from imgtools.guest.boot.cmdline import rewrite
from imgtools.guest.boot.firmware import find_firmware
from imgtools.guest.boot.grub_code import core_place
from imgtools.guest.boot.kernels import find_kernels
from imgtools.guest.boot.programs import (
    find_maker,
    find_program,
    grub_config_script,
    grub_folder,
    grub_install_script,
    initramfs_script,
)
from imgtools.guest.guest import Guest
from imgtools.ops.boot_repairs import boot_disks, running
from imgtools.ops.operation import LINUX, Operation
from imgtools.records.disks import Holder, Volume

# What can have a new one, with libguestfs' set_uuid; and what is swapped to belongs to nobody's mounts.
KNOWN = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "swap"})
PLACES = (
    "/etc/fstab", "/etc/crypttab", "/etc/default/grub", "/etc/default/grub.d/*.cfg", "/etc/kernel/cmdline",
    "/etc/initramfs-tools/conf.d/*", "/boot/grub/grubenv", "/boot/grub2/grubenv", *GRUB2, *GRUB2_ESP, *GRUB_LEGACY,
    *EXTLINUX, *(f"{folder}/loader/entries/*.conf" for folder in ESP_FOLDERS),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Params:
    """``lvm``: new UUIDs for LVM too."""

    lvm: bool = False


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the new UUIDs, the files that name them, and the runs of what makes initramfs and boot loader."""
    new = {one.uuid: (one.device, str(uuid.uuid4())) for one in _volumes(guest)}
    for device, fresh in new.values():
        yield SetUuid(device, fresh)
    yield from _renamed(guest, {old: fresh for old, (_device, fresh) in new.items()})
    yield from _made_anew(guest)
    groups = {one.device.split("/")[2] for one in _volumes(guest) if one.holder is Holder.LV}
    if params.lvm and groups:
        found = [one.volume for one in guest.mounts if one.path in ("/", "/boot")]
        kept = [one.device.split("/")[2] for one in found if one.holder is Holder.LV]
        yield NewLvmUuids(tuple(sorted(groups)), tuple(dict.fromkeys(kept)))


def _volumes(guest: Guest) -> list[Volume]:
    """The filesystems that the guest mounts, each once, and its swap."""
    mounted = [one.volume for one in guest.mounts]
    devices = {
        one.parents[0] if one.holder is Holder.SUBVOLUME and one.parents else one.device for one in mounted
    }
    volumes = guest.layout.volumes if guest.layout else ()
    is_alone = not any(
        one.mountable and one.device not in devices and one.content != "vfat" for one in volumes
    )
    return [
        one
        for one in volumes
        if one.uuid
        and one.content in KNOWN
        and one.holder is not Holder.SUBVOLUME
        and (one.device in devices or (one.content == "swap" and is_alone))
    ]


def _renamed(guest: Guest, new: Mapping[str, str]) -> Iterator[Change]:
    seen: set[str] = set()
    for pattern in PLACES:
        for path in guest.files.glob(pattern):
            if not guest.files.is_file(path) or guest.files.stat(path).size > CONFIG_LIMIT:
                continue
            if (true := guest.files.resolve(path)) not in seen:
                seen.add(true)
                yield from rewrite(guest.files, true, lambda text: _with(text, new))


def _with(text: str, new: Mapping[str, str]) -> str:
    for old, fresh in new.items():
        text = text.replace(old, fresh)
    return text


def _made_anew(guest: Guest) -> Iterator[RunInGuest]:
    files = guest.files
    if find_maker(files):
        for kernel in find_kernels(files):
            if kernel.initrd and kernel.modules_path:
                yield running(
                    guest, initramfs_script(files, kernel), f"{find_maker(files)} for {kernel.version}"
                )
    if grub_folder(files) and find_program(files, "grub-install", "grub2-install"):
        yield from _grub(guest)
    if grub_folder(files) and find_program(files, "grub-mkconfig", "grub2-mkconfig"):
        yield running(guest, grub_config_script(files), "grub-mkconfig")


def _grub(guest: Guest) -> Iterator[RunInGuest]:
    """GRUB where it was: for BIOS on its disks, for UEFI where the distribution installs it with grub-install."""
    files = guest.files
    has_bios = files.is_file("/usr/lib/grub/i386-pc/modinfo.sh")
    disks = [one for one in boot_disks(guest) if core_place(one) is not None] if has_bios else []
    if disks:
        script = grub_install_script(files, ["i386-pc"], "", "")
        yield running(guest, script, "grub-install for i386-pc", [one.device for one in disks])
    esp = next((one.path for one in guest.mounts if one.path in ("/boot/efi", "/efi")), "")
    is_uefi = "uefi" in find_firmware(files, guest.layout.disks if guest.layout else ())
    for platform in ("x86_64-efi", "arm64-efi"):
        if is_uefi and esp and files.is_file(f"/usr/lib/grub/{platform}/modinfo.sh"):
            yield running(
                guest, grub_install_script(files, [platform], esp, ""), f"grub-install for {platform}"
            )


OPERATION = Operation(
    summary="Give a clone new UUIDs that everything follows",
    families=LINUX,
    plan=plan,
    params=Params,
    default=False,
    repeats=True,
    order=350,
)
