"""The machine that a guest boots in is chosen from what the guest is; what a person says goes first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.errors import HostError, UnsupportedGuest
from imgtools.guest.boot import machine_choice
from imgtools.guest.boot.firmware import BIOS_BOOT
from imgtools.guest.boot.machine_choice import (
    GIB,
    MIB,
    MachineChoice,
    Wishes,
    choose_machine,
    machine_of_nobody,
    reserved_memory,
)
from imgtools.guest.find.layout import ESP
from imgtools.guest.guest import Guest
from imgtools.records.disks import Disk, Layout, Mount
from imgtools.records.system import OsInfo, OsType
from tests.support.images import partitioned
from tests.support.memory import Content, memory_files, memory_volume
from tests.support.repairs import SERVICES, server
from tests.support.volumes import bytes_volume

VERSION = "6.1.0-18-amd64"


@pytest.fixture(autouse=True)
def _host_with_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_choice, "free_memory", lambda: 16 * GIB)
    monkeypatch.setattr("os.cpu_count", lambda: 8)


def linux(
    *drivers: str,
    version: str = VERSION,
    cmdline: str = "root=UUID=1 ro",
    fstab: str = "",
    disk: Disk | None = None,
    os: OsInfo | None = None,
    files: dict[str, Content] | None = None,
) -> Guest:
    """A Linux whose kernel has some drivers."""
    there: dict[str, Content] = {
        f"/boot/vmlinuz-{version}": "",
        f"/boot/initrd.img-{version}": "",
        f"/lib/modules/{version}/modules.dep": "".join(f"kernel/{one}.ko:\n" for one in drivers),
        "/boot/grub/grub.cfg": f"menuentry 'x' {{\n linux /boot/vmlinuz-{version} {cmdline}\n}}\n",
        "/etc/fstab": fstab,
    }
    volume = memory_volume("/dev/sda1")
    layout = Layout((disk or partitioned("linux", table="dos"),))
    info = os or OsInfo(OsType.LINUX, "debian", ("debian",), arch="x86_64")
    return Guest(volume, info, (Mount("/", volume),), memory_files(there | (files or {})), layout=layout)


def chosen(guest: Guest, **wishes: object) -> MachineChoice:
    return choose_machine(guest, Wishes(**wishes))  # type: ignore[arg-type]


def test_the_usual_linux() -> None:
    found = chosen(linux("virtio_blk", "virtio_net"))
    spec = found.spec
    assert (spec.firmware, spec.machine, spec.bus, spec.memory, spec.cpus) == ("bios", "pc", "virtio", GIB, 2)
    assert (spec.network, spec.network_card, spec.local_time) == (False, "virtio-net-pci", False)
    assert found.reasons == (
        "firmware: its disk is made for a BIOS",
        f"bus: kernel {VERSION} has virtio_blk",
    )


@pytest.mark.parametrize(
    ("disk", "firmware", "machine"),
    [
        (partitioned(ESP, "linux"), "uefi", "q35"),
        (partitioned(BIOS_BOOT, ESP, "linux"), "bios", "pc"),
        (partitioned("0xef", "0x83", table="dos"), "uefi", "q35"),
        (Disk("/dev/sda", GIB), "bios", "pc"),
    ],
)
def test_firmware_is_what_the_disk_is_for(disk: Disk, firmware: str, machine: str) -> None:
    spec = chosen(linux("virtio_blk", disk=disk)).spec
    assert (spec.firmware, spec.machine) == (firmware, machine)


def test_firmware_is_what_finds_something_to_start() -> None:
    """Zeros where the boot code should be, on a disk that is made for both, and for one."""
    guest = replace(
        linux("virtio_blk", disk=partitioned(BIOS_BOOT, ESP, "linux")),
        open_device=lambda _device: bytes_volume(bytes(510) + b"\x55\xaa"),
    )
    found = chosen(guest)
    assert found.spec.firmware == "uefi"
    assert found.reasons[0] == (
        "firmware: its disk has an EFI system partition, and no boot code that a BIOS gets on with"
    )
    code = b"\xfa\xeb\x21\x01\xb4\x01LILO".ljust(510, b"\0") + b"\x55\xaa"
    found = chosen(replace(guest, open_device=lambda _device: bytes_volume(code)))
    assert found.spec.firmware == "bios"
    assert found.reasons[0] == "firmware: its disk has boot code (LILO), which a BIOS starts"
    guest = replace(linux("virtio_blk"), open_device=lambda _device: bytes_volume(bytes(512)))
    assert chosen(guest).reasons[0] == "firmware: its disk is made for a BIOS"


@pytest.mark.parametrize(
    ("guest", "bus"),
    [
        (linux("virtio_blk"), "virtio"),
        (linux("e1000"), "sata"),
        (linux("piix", version="2.6.18-5-686"), "ide"),
        (linux("virtio_blk", version="2.6.27-7-server"), "virtio"),
        (linux("virtio_blk", cmdline="root=/dev/nvme0n1p2"), "nvme"),
        (linux("virtio_blk", cmdline="root=/dev/vda1"), "virtio"),
        (linux("virtio_blk", cmdline="root=/dev/hda1", version="2.6.18-5-686"), "ide"),
        (linux("virtio_blk", fstab="# /dev/vdb\n/dev/sda1 / ext4 defaults 0 1\n"), "sata"),
        (linux("virtio_scsi", fstab="/dev/sda1 / ext4 defaults 0 1\n"), "scsi"),
        (linux("virtio_blk", fstab="/dev/sr0 /cdrom auto noauto 0 0\n"), "virtio"),
        (linux("virtio_blk", files={f"/boot/vmlinuz-{VERSION}": "", "/lib/modules": ""}), "sata"),
    ],
)
def test_the_bus_is_one_that_the_guest_knows(guest: Guest, bus: str) -> None:
    assert chosen(guest).spec.bus == bus


def test_a_guest_without_a_kernel_is_booted_all_the_same() -> None:
    guest = linux()
    files = memory_files({"/etc/fstab": ""})
    guest = Guest(guest.root, guest.os, guest.mounts, files, layout=guest.layout)
    assert chosen(guest).spec.bus == "virtio"


def test_memory_is_raised_where_the_guest_needs_it() -> None:
    fedora = OsInfo(OsType.LINUX, "fedora", ("fedora",), arch="x86_64")
    assert chosen(linux("virtio_blk", os=fedora)).spec.memory == 2 * GIB
    large = chosen(linux("virtio_blk", files={f"/boot/initrd.img-{VERSION}": bytes(65 * MIB)}))
    assert large.spec.memory == 2 * GIB
    assert large.reasons[-1] == "memory: its initrd has 65M"
    pages = chosen(linux("virtio_blk", cmdline="root=UUID=1 default_hugepagesz=1G hugepagesz=1G hugepages=2"))
    assert pages.spec.memory == 3 * GIB


def test_memory_that_is_set_aside() -> None:
    files = memory_files(
        {"/etc/sysctl.d/90-pages.conf": "vm.nr_hugepages = 512\n", "/etc/sysctl.conf": "#vm.nr_hugepages=9\n"}
    )
    assert reserved_memory(files, "") == GIB
    assert reserved_memory(memory_files({}), "crashkernel=256M hugepages=16") == 288 * MIB
    assert reserved_memory(memory_files({}), "crashkernel=auto hugepages=x hugepages=99999999999999") == 0


def test_a_guest_too_large_for_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_choice, "free_memory", lambda: GIB // 2)
    with pytest.raises(HostError, match=r"takes 1.0G of memory, and this host has 512M free"):
        chosen(linux("virtio_blk"))
    assert chosen(linux("virtio_blk"), memory=256 * MIB).spec.memory == 256 * MIB


def test_a_guest_for_another_processor() -> None:
    arm = OsInfo(OsType.LINUX, "debian", ("debian",), arch="aarch64")
    with pytest.raises(UnsupportedGuest, match="aarch64"):
        chosen(linux("virtio_blk", os=arm))
    with pytest.raises(UnsupportedGuest, match="PowerPC"):
        chosen(linux("virtio_blk", disk=partitioned("0x41", table="dos")))


def test_what_a_person_says_goes_first() -> None:
    found = chosen(linux("virtio_blk"), firmware="uefi", bus="sata", memory=3 * GIB, cpus=3, network=True)
    spec = found.spec
    assert (spec.firmware, spec.machine, spec.bus, spec.memory, spec.cpus) == (
        "uefi",
        "q35",
        "sata",
        3 * GIB,
        3,
    )
    assert spec.network
    assert found.reasons == ("firmware: as asked", "bus: as asked")
    assert chosen(linux("virtio_blk"), firmware="uefi", bus="ide").spec.machine == "pc"


def test_a_disk_of_nobody() -> None:
    spec = machine_of_nobody(Wishes(firmware="bios")).spec
    assert (spec.firmware, spec.machine, spec.bus) == ("bios", "pc", "virtio")


def test_other_systems_are_sure_of_ide() -> None:
    bsd = OsInfo(OsType.FREEBSD, "freebsd", (), arch="x86_64")
    assert chosen(linux(os=bsd)).spec.bus == "ide"


# -- Windows -----------------------------------------------------------------------------------------------


def _start(name: str, start: int) -> dict[str, dict[str, int]]:
    return {rf"{SERVICES}\{name}": {"Start": start, "Type": 1}}


def test_windows_finds_its_disk_by_the_driver_that_starts() -> None:
    found = chosen(server())
    assert (found.spec.firmware, found.spec.machine, found.spec.bus) == ("uefi", "q35", "sata")
    assert found.spec.local_time
    assert "bus: Windows starts storahci at boot" in found.reasons
    assert chosen(server(system=_start("viostor", 0))).spec.bus == "virtio"
    assert chosen(server(system=_start("vioscsi", 0))).spec.bus == "scsi"
    assert chosen(server(system=_start("storahci", 3))).spec.bus == "ide"
    override = _start("storahci", 0) | {rf"{SERVICES}\storahci\StartOverride": {"0": 3}}
    assert chosen(server(system=override)).spec.bus == "ide"


def test_windows_from_an_mbr_has_a_bios() -> None:
    guest = server(layout=Layout((partitioned("0x7", "0x7", "0x7", table="dos"),)))
    assert chosen(guest).spec.firmware == "bios"


@pytest.mark.parametrize(("version", "memory"), [((5, 1), GIB // 2), ((6, 1), 2 * GIB), ((10, 0), 4 * GIB)])
def test_windows_has_the_memory_of_its_time(version: tuple[int, int], memory: int) -> None:
    guest = server()
    os = OsInfo(
        OsType.WINDOWS,
        "windows",
        (),
        major=version[0],
        minor=version[1],
        arch="x86_64",
        windows_systemroot="/Windows",
    )
    assert chosen(Guest(guest.root, os, guest.mounts, guest.files, layout=guest.layout)).spec.memory == memory
