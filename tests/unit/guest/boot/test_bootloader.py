"""Kernels and boot loaders: what is installed, what starts by default, BIOS or UEFI."""

from __future__ import annotations

import struct

import pytest

from imgtools.guest.boot.bootloader import Boot, find_boot
from imgtools.guest.boot.firmware import BIOS_BOOT, find_firmware
from imgtools.guest.boot.kernels import find_drivers, find_kernels, version_key
from imgtools.guest.find.layout import ESP
from imgtools.records.disks import Disk
from tests.support.images import partitioned
from tests.support.memory import Content, link, memory_files

NEW, OLD = "6.1.0-18-amd64", "6.1.0-9-amd64"


def _boot(files: dict[str, Content]) -> Boot:
    return find_boot(memory_files(files), ())


def _default(boot: Boot) -> tuple[str, str]:
    (kernel,) = [kernel for kernel in boot.kernels if kernel.default]
    return kernel.version, kernel.cmdline


def _x86_kernel(version: str) -> bytes:
    """A boot sector, HdrS and the version string where the boot protocol has them."""
    head = bytearray(0x400)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x20E, 0x100)
    text = f"{version} (builder@host) #1 SMP".encode()
    head[0x300 : 0x300 + len(text)] = text
    return bytes(head)


DEBIAN: dict[str, Content] = {
    f"/boot/{name}-{version}": "" for version in (NEW, OLD) for name in ("vmlinuz", "initrd.img", "config")
} | {
    f"/lib/modules/{NEW}/modules.dep": "kernel/drivers/block/virtio_blk.ko.xz:\nkernel/drivers/net/virtio_net.ko:\n",
    f"/lib/modules/{NEW}/modules.builtin": "kernel/drivers/nvme/host/nvme.ko\n",
    f"/lib/modules/{OLD}/modules.dep": "",
    "/boot/vmlinuz": link(f"vmlinuz-{NEW}"),
    f"/boot/vmlinuz-{NEW}.dpkg-new": "",
}
GRUB_CFG = f"""\
if [ -s $prefix/grubenv ]; then
  load_env
fi
set default="DEFAULT"
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple' {{
\tif [ x$feature = xy ]; then
\t\tinsmod x
\tfi
\tlinux\t/boot/vmlinuz-{NEW} root=UUID=1 ro quiet
\tinitrd\t/boot/initrd.img-{NEW}
}}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced' {{
\tmenuentry 'Debian, with Linux {NEW}' $menuentry_id_option 'gnulinux-{NEW}' {{
\t\tlinux\t/boot/vmlinuz-{NEW} root=UUID=1 ro quiet
\t}}
\tmenuentry 'Debian, with Linux {OLD}' $menuentry_id_option 'gnulinux-{OLD}' {{
\t\tlinux\t/vmlinuz-{OLD} root=UUID=1 ro single
\t}}
}}
menuentry 'UEFI Firmware Settings' {{
\tfwsetup
}}
"""


def test_kernels_have_their_parts_and_the_newest_is_first() -> None:
    new, old = find_kernels(memory_files(DEBIAN))
    assert (new.version, new.vmlinuz, new.initrd) == (NEW, f"/boot/vmlinuz-{NEW}", f"/boot/initrd.img-{NEW}")
    assert (new.modules_path, new.config_file) == (f"/lib/modules/{NEW}", f"/boot/config-{NEW}")
    assert new.drivers == ("virtio_blk", "virtio_net", "nvme")
    assert old.version == OLD and old.drivers == ()


@pytest.mark.parametrize(
    ("default", "grubenv", "version", "cmdline"),
    [
        ("0", "", NEW, "root=UUID=1 ro quiet"),
        ("1>1", "", OLD, "root=UUID=1 ro single"),
        (f"gnulinux-advanced>gnulinux-{OLD}", "", OLD, "root=UUID=1 ro single"),
        (
            "${saved_entry}",
            f"saved_entry=gnulinux-advanced>gnulinux-{OLD}\n####\n",
            OLD,
            "root=UUID=1 ro single",
        ),
        ("${saved_entry}", "", NEW, "root=UUID=1 ro quiet"),
    ],
)
def test_grub_starts_what_its_default_names(default: str, grubenv: str, version: str, cmdline: str) -> None:
    files = {
        **DEBIAN,
        "/boot/grub/grub.cfg": GRUB_CFG.replace("DEFAULT", default),
        "/boot/grub/grubenv": grubenv,
    }
    boot = _boot(files)
    assert (boot.loader, boot.config) == ("grub2", "/boot/grub/grub.cfg")
    assert _default(boot) == (version, cmdline)


def test_grub_with_loader_entries_takes_the_saved_one_else_the_newest() -> None:
    machine = "0" * 32
    files: dict[str, Content] = {"/boot/grub2/grub.cfg": "insmod blscfg\nblscfg\n"}
    for version in ("5.14.0-362.el9", "5.14.0-70.el9", f"0-rescue-{machine}"):
        files[f"/boot/vmlinuz-{version}"] = ""
        files[f"/boot/loader/entries/{machine}-{version}.conf"] = (
            f"title Rocky\nversion {version}\nlinux /vmlinuz-{version}\noptions $kernelopts root=x\n"
        )
    assert _default(_boot(files)) == ("5.14.0-362.el9", "root=x")
    env = f"saved_entry={machine}-5.14.0-70.el9\nkernelopts=ro quiet\n"
    assert _default(_boot({**files, "/boot/grub2/grubenv": env})) == ("5.14.0-70.el9", "ro quiet root=x")


def test_systemd_boot_on_an_esp_at_boot() -> None:
    files: dict[str, Content] = {
        "/boot/EFI/systemd/systemd-bootx64.efi": "",
        "/boot/loader/loader.conf": "default arch-lts.conf\ntimeout 3\n",
        "/boot/loader/entries/arch.conf": "title Arch\nlinux /vmlinuz-linux\ninitrd /initramfs-linux.img\noptions rw\n",
        "/boot/loader/entries/arch-lts.conf": "title LTS\nlinux /vmlinuz-linux-lts\noptions root=LABEL=x rw\n",
        "/boot/vmlinuz-linux": _x86_kernel("6.6.8-arch1-1"),
        "/boot/vmlinuz-linux-lts": _x86_kernel("6.1.69-1-lts"),
        "/boot/initramfs-linux.img": "",
        "/usr/lib/modules/6.6.8-arch1-1/vmlinuz": "",
        "/usr/lib/modules/6.1.69-1-lts/vmlinuz": "",
        "/lib/modules": link("../usr/lib/modules"),
    }
    boot = _boot(files)
    assert boot.loader == "systemd-boot"
    assert [(one.version, one.vmlinuz, one.initrd) for one in boot.kernels] == [
        ("6.6.8-arch1-1", "/boot/vmlinuz-linux", "/boot/initramfs-linux.img"),
        ("6.1.69-1-lts", "/boot/vmlinuz-linux-lts", ""),
    ]
    assert _default(boot) == ("6.1.69-1-lts", "root=LABEL=x rw")


def test_extlinux_of_alpine() -> None:
    config = (
        "DEFAULT menu.c32\nDEFAULT virt\nLABEL lts\n  LINUX vmlinuz-lts\n  APPEND root=x quiet\n"
        "LABEL virt\n  MENU DEFAULT\n  LINUX vmlinuz-virt\n  INITRD initramfs-virt\n  APPEND root=x modules=ext4\n"
    )
    files: dict[str, Content] = {
        "/boot/extlinux.conf": config,
        "/boot/vmlinuz-virt": _x86_kernel("6.6.7-0-virt"),
        "/boot/initramfs-virt": "",
        "/lib/modules/6.6.7-0-virt/modules.dep": "",
    }
    boot = _boot(files)
    assert boot.loader == "extlinux"
    assert boot.kernels[0].initrd == "/boot/initramfs-virt"
    assert _default(boot) == ("6.6.7-0-virt", "root=x modules=ext4")


def test_grub_legacy_of_centos_6() -> None:
    entries = "".join(
        f"title CentOS ({version})\n\troot (hd0,0)\n\tkernel /vmlinuz-{version} ro root=/dev/sda2\n\tinitrd /x\n"
        for version in ("2.6.32-754.el6", "2.6.32-71.el6")
    )
    files = {f"/boot/vmlinuz-{version}": "" for version in ("2.6.32-754.el6", "2.6.32-71.el6")}
    boot = _boot({**files, "/boot/grub/menu.lst": "default=1\ntimeout=5\n" + entries})
    assert boot.loader == "grub-legacy"
    assert _default(boot) == ("2.6.32-71.el6", "ro root=/dev/sda2")


def test_without_a_menu_the_newest_kernel_is_the_default() -> None:
    boot = _boot(dict(DEBIAN))
    assert (boot.loader, _default(boot)) == ("", (NEW, ""))


def test_a_guest_without_kernels_has_none() -> None:
    assert _boot({"/etc/hosts": ""}) == Boot()


@pytest.mark.parametrize(
    ("disk", "wanted"),
    [
        (partitioned(ESP, "x"), "uefi"),
        (partitioned(BIOS_BOOT, "x"), "bios"),
        (partitioned("x", BIOS_BOOT, ESP), "bios+uefi"),
        (partitioned("0x83", "0x82", table="dos"), "bios"),
        (partitioned("0xef", "0x83", table="dos"), "uefi"),
        (partitioned("0x83"), ""),
        (Disk("/dev/sda", 1 << 30), ""),
    ],
)
def test_the_partitions_tell_the_firmware(disk: Disk, wanted: str) -> None:
    assert find_firmware(memory_files({}), (disk,)) == wanted


def test_a_disk_of_data_does_not_say_how_the_guest_boots() -> None:
    uefi, data = partitioned(ESP, "x"), partitioned("0x83", table="dos", device="/dev/sdb")
    assert find_firmware(memory_files({}), (uefi, data)) == "uefi"
    assert find_firmware(memory_files({}), (Disk("/dev/sda", 1 << 30), uefi)) == "uefi"
    assert find_firmware(memory_files({}), ()) == ""


def test_versions_sort_as_people_read_them() -> None:
    versions = ["6.9.1", "6.10.0-rc1", "6.10.0", "5.14.0-70.el9", "5.14.0-362.el9"]
    assert sorted(versions, key=version_key, reverse=True)[:2] == ["6.10.0-rc1", "6.10.0"]
    assert sorted(versions, key=version_key)[:2] == ["5.14.0-70.el9", "5.14.0-362.el9"]


@pytest.mark.parametrize(
    "text",
    [
        "menuentry " * 50_000,
        "{\n" * 100_000,
        "submenu 'x' {\n" * 20_000,
        "linux " + "x" * 500_000,
        "}\n" * 99_999,
    ],
)
def test_a_hostile_grub_configuration_ends(text: str) -> None:
    assert _boot({**DEBIAN, "/boot/grub/grub.cfg": text}).loader == "grub2"


def test_drivers_are_found_by_whole_names() -> None:
    files = memory_files({"/m/modules.dep": "kernel/my_virtio_blk.ko: kernel/virtio-rng.ko\n"})
    assert find_drivers(files, "/m") == ("virtio_rng",)
