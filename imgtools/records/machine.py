"""The machine that a guest is booted in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FIRMWARES = ("bios", "uefi")
BUSES = ("virtio", "scsi", "sata", "ide", "nvme")


@dataclass(frozen=True, slots=True)
class DirectKernel:
    """A kernel that QEMU starts itself, without firmware's and a boot loader's help: files of the host."""

    kernel: Path
    arguments: str
    initrd: Path | None = None


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What a machine is made of.

    :param firmware: ``bios`` (SeaBIOS) or ``uefi`` (OVMF, Secure Boot off).
    :param machine: QEMU's name of the chipset: ``pc`` or ``q35``.
    :param bus: what the disks are on: one of :data:`BUSES`; ``scsi`` is virtio's.
    :param memory: in bytes.
    :param network: whether the guest reaches out, through QEMU's own user network.
    :param local_time: whether its clock shows the local time, as Windows takes it.
    """

    firmware: str = "bios"
    machine: str = "pc"
    bus: str = "virtio"
    memory: int = 1 << 30
    cpus: int = 2
    network: bool = False
    network_card: str = "virtio-net-pci"
    local_time: bool = False
