"""The command line of a machine: nothing but what is named is opened, and there is no network unless asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.engine.qemu.kvm import KVM, TCG
from imgtools.engine.qemu.machine_words import machine_words
from imgtools.engine.qemu.nodes import throw_away_node
from imgtools.errors import UsageError
from imgtools.records.machine import DirectKernel, MachineSpec

NODES = [throw_away_node(Path(f"/x/disk{number}.qcow2"), f"/y{number}/disk") for number in range(2)]
DISK0 = (
    "node-name=disk0,cache.no-flush=on,driver=qcow2,file.driver=file,file.filename=/x/disk0.qcow2,"
    "backing.driver=nbd,backing.server.type=unix,backing.server.path=/y0/disk"
)
GOLDEN = f"""
-name imgtools-boot -nodefaults -no-user-config -display none -no-shutdown -S
-machine pc,accel=tcg,usb=off -cpu max,la57=off,-erms,-fsrm -smp 2 -m 1024M -rtc base=utc
-chardev socket,id=control,fd=4 -mon chardev=control,mode=control
-chardev socket,id=serial,fd=12 -serial chardev:serial -vga std -device virtio-rng-pci
-blockdev {DISK0} -device virtio-blk-pci,drive=disk0,bootindex=0 -nic none -boot strict=on
""".split()


def _words(spec: MachineSpec, disks: int = 1, **more: object) -> str:
    return " ".join(machine_words(spec, NODES[:disks], accelerator=TCG, serial=12, **more))  # type: ignore[arg-type]


def test_the_usual_machine() -> None:
    assert machine_words(MachineSpec(), NODES[:1], accelerator=TCG, serial=12) == GOLDEN


@pytest.mark.parametrize(
    ("bus", "devices"),
    [
        ("virtio", ["virtio-blk-pci,drive=disk0,bootindex=0", "virtio-blk-pci,drive=disk1,bootindex=1"]),
        ("scsi", ["virtio-scsi-pci,id=scsi", "scsi-hd,bus=scsi.0,scsi-id=0,drive=disk0,bootindex=0"]),
        ("sata", ["ide-hd,bus=ide.0,drive=disk0,bootindex=0", "ide-hd,bus=ide.1,drive=disk1,bootindex=1"]),
        (
            "ide",
            [
                "ide-hd,bus=ide.0,unit=0,drive=disk0,bootindex=0",
                "ide-hd,bus=ide.0,unit=1,drive=disk1,bootindex=1",
            ],
        ),
        (
            "nvme",
            [
                "nvme,serial=imgtools-0,drive=disk0,bootindex=0",
                "nvme,serial=imgtools-1,drive=disk1,bootindex=1",
            ],
        ),
    ],
)
def test_disks_are_on_the_bus_in_their_order(bus: str, devices: list[str]) -> None:
    said = _words(MachineSpec(bus=bus), 2)
    places = [said.index(f"-device {device}") for device in devices]
    assert places == sorted(places)


def test_uefi_has_two_flash_chips_and_only_its_variables_are_written() -> None:
    said = _words(MachineSpec("uefi", "q35"), flash=(Path("/usr/code.fd"), Path("/x/variables")))
    assert "-machine q35,accel=tcg,usb=off,pflash0=code,pflash1=variables" in said
    assert (
        "node-name=code,cache.no-flush=on,driver=raw,file.driver=file,file.filename=/usr/code.fd,read-only=on"
        in said
    )
    assert (
        "node-name=variables,cache.no-flush=on,driver=raw,file.driver=file,file.filename=/x/variables -"
        in said
    )


def test_a_kernel_is_started_directly() -> None:
    kernel = DirectKernel(Path("/x/kernel"), "root=/dev/vda1 console=ttyS0", Path("/x/initrd"))
    said = _words(MachineSpec(), kernel=kernel)
    assert "bootindex" not in said  # the first is the kernel's
    assert said.endswith("-kernel /x/kernel -append root=/dev/vda1 console=ttyS0 -initrd /x/initrd")


def test_a_network_only_where_it_is_asked_for() -> None:
    assert "-nic none" in _words(MachineSpec())
    assert "-nic user,model=e1000" in _words(MachineSpec(network=True, network_card="e1000"))


def test_kvm_has_the_host_s_processor() -> None:
    words = machine_words(MachineSpec(cpus=4), NODES[:1], accelerator=KVM, serial=12)
    assert words[words.index("-cpu") + 1] == "host"
    assert "accel=kvm" in words[words.index("-machine") + 1]


def test_more_disks_than_a_bus_takes() -> None:
    with pytest.raises(UsageError, match="5 disks do not fit on ide"):
        machine_words(MachineSpec(bus="ide"), NODES[:1] * 5, accelerator=TCG, serial=12)
