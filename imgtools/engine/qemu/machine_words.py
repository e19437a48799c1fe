"""The command line of a machine that a guest is booted in. Its parts stand in the order of the guest's disks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from imgtools.engine.kept_program import TALK
from imgtools.engine.qemu.kvm import KVM
from imgtools.engine.qemu.nodes import Node, plain_node
from imgtools.errors import UsageError
from imgtools.records.machine import DirectKernel, MachineSpec

# How many disks a bus takes without a further controller; of virtio and NVMe, what fits into the slots of a chipset.
MOST_DISKS = {"virtio": 20, "scsi": 200, "nvme": 20, "sata": 6, "ide": 4}
# As the appliance's: QEMU emulates "fast string copies" byte by byte, and five-level paging costs more. With all else
# that it knows, also for systems that are built for x86-64-v3, as Red Hat's of version 10 are.
EMULATED_PROCESSOR = "max,la57=off,-erms,-fsrm"


def machine_words(
    spec: MachineSpec,
    disks: Sequence[Node],
    *,
    accelerator: str,
    serial: int,
    flash: tuple[Path, Path] | None = None,
    kernel: DirectKernel | None = None,
) -> list[str]:
    """Return the arguments of qemu-system-x86_64.

    :param accelerator: KVM or TCG.
    :param serial: the descriptor of the serial port's other end.
    :param flash: firmware's code, and a copy of its variables that is the machine's.
    :raises UsageError: the bus does not take so many disks.
    """
    chips = "" if flash is None else ",pflash0=code,pflash1=variables"
    # Ended by nobody but us: a machine that switches itself off stays, so that its screen can be looked at.
    words = [
        "-name",
        "imgtools-boot",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-shutdown",
        "-S",
    ]
    words += ["-machine", f"{spec.machine},accel={accelerator.lower()},usb=off{chips}"]
    words += ["-cpu", "host" if accelerator == KVM else EMULATED_PROCESSOR]
    words += ["-smp", str(spec.cpus), "-m", f"{spec.memory >> 20}M"]
    words += ["-rtc", f"base={'localtime' if spec.local_time else 'utc'}"]
    words += ["-chardev", f"socket,id=control,fd={TALK}", "-mon", "chardev=control,mode=control"]
    words += ["-chardev", f"socket,id=serial,fd={serial}", "-serial", "chardev:serial"]
    words += ["-vga", "std", "-device", "virtio-rng-pci"]
    for name, path in zip(("code", "variables"), flash or (), strict=False):
        node = plain_node(path, "raw")
        words += ["-blockdev", (node.read_only() if name == "code" else node).blockdev(name)]
    for number, node in enumerate(disks):
        words += ["-blockdev", node.blockdev(f"disk{number}")]
    words += _disk_devices(spec, len(disks), boots=kernel is None)
    words += ["-nic", f"user,model={spec.network_card}" if spec.network else "none"]
    return words + (_kernel_words(kernel) if kernel is not None else ["-boot", "strict=on"])


def _disk_devices(spec: MachineSpec, count: int, *, boots: bool) -> Iterator[str]:
    """Yield the devices for the disks; firmware tries them in their order, if it has no kernel to start (``boots``)."""
    if count > MOST_DISKS[spec.bus]:
        raise UsageError(
            f"{count} disks do not fit on {spec.bus}, which takes {MOST_DISKS[spec.bus]}",
            hint="--bus scsi takes more",
        )
    if spec.bus == "scsi":
        yield from ("-device", "virtio-scsi-pci,id=scsi")
    for number in range(count):
        order = f",bootindex={number}" if boots else ""
        yield from ("-device", f"{_disk_device(spec, number)},drive=disk{number}{order}")


def _disk_device(spec: MachineSpec, number: int) -> str:
    if spec.bus == "virtio":
        return "virtio-blk-pci"
    if spec.bus == "scsi":
        return f"scsi-hd,bus=scsi.0,scsi-id={number}"
    if spec.bus == "nvme":
        return f"nvme,serial=imgtools-{number}"
    if spec.bus == "sata":
        return f"ide-hd,bus=ide.{number}"  # q35 has AHCI by this name
    return f"ide-hd,bus=ide.{number // 2},unit={number % 2}"


def _kernel_words(kernel: DirectKernel) -> list[str]:
    words = ["-kernel", os.fspath(kernel.kernel), "-append", kernel.arguments]
    return words + (["-initrd", os.fspath(kernel.initrd)] if kernel.initrd is not None else [])
