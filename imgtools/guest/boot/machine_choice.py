"""Which machine a guest boots in: firmware, chipset, bus of its disks, memory and processors, from what the guest is.

Where nothing in the guest tells, the machine is one that the guest's time knew. Whatever a person says goes first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from imgtools.engine.qemu.machine import free_memory
from imgtools.errors import HostError, NoSuchGuestFile, UnsupportedGuest, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootloader import Boot, find_boot
from imgtools.guest.boot.firmware import firmware_of, started_by
from imgtools.guest.boot.kernels import Kernel, version_key
from imgtools.guest.find.disk_of import disk_of
from imgtools.guest.guest import Guest
from imgtools.records.disks import Disk
from imgtools.records.machine import MachineSpec
from imgtools.records.system import OsType
from imgtools.units import format_size

ARCHITECTURES = frozenset({"x86_64", "i386", "i486", "i586", "i686", "unknown"})
MIB, GIB = 1 << 20, 1 << 30
LEAST = 64 * MIB  # that anything boots in
# Kernels of this age and older are sure of IDE only; virtio came with 2.6.25, and AHCI into initrds later.
OLD_KERNEL = version_key("2.6.32")
LARGE_INITRD = 64 * MIB  # unpacked it takes some five times as much
# What a disk is called where the guest runs says what it is on there: /dev/vda2, /dev/nvme0n1p1.
DEVICE = re.compile(r"(?:^|[\s=\"])/dev/(vd|sd|hd|nvme)[a-z0-9]")
BUS_OF = {"vd": "virtio", "nvme": "nvme", "hd": "ide"}
TEXT_LIMIT = 1 << 20  # bytes of an fstab


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person says of the machine; what is empty or None is chosen."""

    firmware: str = ""
    bus: str = ""
    memory: int | None = None  # bytes
    cpus: int | None = None
    network: bool = False


def parse_network(text: str) -> bool:
    """Return whether a guest reaches the network.

    :raises UsageError: the text is neither ``none`` nor ``user``.
    """
    if text not in ("none", "user"):
        raise UsageError(
            f"no such network: {text}", hint="none, or user: QEMU's own, without rights on the host"
        )
    return text == "user"


@dataclass(frozen=True, slots=True)
class MachineChoice:
    """A machine, and for each choice the reason, as ``bus: the kernel has virtio_blk``."""

    spec: MachineSpec
    reasons: tuple[str, ...] = ()


def choose_machine(guest: Guest, wishes: Wishes) -> MachineChoice:
    """Return the machine for a guest; its layout has to be known.

    :raises UnsupportedGuest: it is not for PCs.
    :raises HostError: the host has not as much memory free as it needs.
    """
    if guest.os.arch not in ARCHITECTURES:
        raise UnsupportedGuest(
            f"the guest is for {guest.os.arch} processors, and imgtools boots guests of PCs (x86) only",
            hint="imgtools inspect tells what it is; QEMU for that processor boots it",
        )
    disks = _own_first(guest)
    if guest.os.type is OsType.WINDOWS:
        from imgtools.guest.boot.windows_machine import windows_bus, windows_memory

        firmware, why = _windows_firmware(disks)
        bus, why_bus = windows_bus(guest)
        chosen = MachineSpec(firmware, bus=bus, memory=windows_memory(guest), local_time=True)
        card = "virtio-net-pci" if bus == "virtio" else "e1000"
        reasons = [f"firmware: {why}", f"bus: {why_bus}"]
        return _settled(replace(chosen, network_card=card), wishes, reasons, [])
    if guest.os.type is not OsType.LINUX:
        reasons = [f"bus: {guest.os.type} is sure of IDE"]
        return _settled(MachineSpec(bus="ide", cpus=1, network_card="e1000"), wishes, reasons, [])
    return _linux(guest, disks, wishes)


def machine_of_nobody(wishes: Wishes) -> MachineChoice:
    """Return a machine for disks on which no system is known: what most virtual machines are."""
    return _settled(MachineSpec(), wishes, ["bus: no system is known, most are on virtio"], [])


def _own_first(guest: Guest) -> Sequence[Disk]:
    assert guest.layout is not None, "the caller has looked at the disks"
    own = disk_of(guest.root, guest.layout)
    return [*([own] if own else []), *(disk for disk in guest.layout.disks if disk is not own)]


def _windows_firmware(disks: Sequence[Disk]) -> tuple[str, str]:
    """Windows starts from a GPT by UEFI only, and from an MBR by a BIOS only."""
    is_gpt = bool(disks) and disks[0].table == "gpt"
    return ("uefi", "its disk has a GPT") if is_gpt else ("bios", "its disk has an MBR")


# -- Linux -------------------------------------------------------------------------------------------------


def _linux(guest: Guest, disks: Sequence[Disk], wishes: Wishes) -> MachineChoice:
    boot = find_boot(guest.files, disks)
    if boot.firmware == "openfirmware":
        raise UnsupportedGuest(
            "the guest's disk is for Open Firmware (PowerPC), and imgtools boots guests of PCs (x86) only"
        )
    kernel = next((one for one in boot.kernels if one.default), next(iter(boot.kernels), None))
    firmware, why = _linux_firmware(guest, disks, boot)
    bus, why_bus = linux_bus(guest.files, boot, kernel)
    is_old = kernel is not None and _is_old(kernel)
    memory, more = linux_memory(guest, kernel)
    card = "virtio-net-pci" if kernel is None or "virtio_net" in kernel.drivers else "e1000"
    chosen = MachineSpec(firmware, bus=bus, memory=memory, cpus=1 if is_old else 2, network_card=card)
    reasons = [f"firmware: {why}", f"bus: {why_bus}"]
    return _settled(chosen, wishes, reasons, more)


def _linux_firmware(guest: Guest, disks: Sequence[Disk], boot: Boot) -> tuple[str, str]:
    """Return the firmware that finds something to start, the BIOS before UEFI; else what the disks are made for."""
    started = started_by(disks, guest.open_device, guest.files, guest.mounts)
    if started is not None and started.bios:
        return "bios", f"its disk has boot code ({started.code.code}), which a BIOS starts"
    made_for = boot.firmware or firmware_of(disks, guest.open_device).name
    if started is not None and started.uefi:
        room = ", and no boot code that a BIOS gets on with" if made_for != "uefi" else ""
        return "uefi", f"its disk has an EFI system partition{room}"
    why = {
        "bios": "its disk is made for a BIOS",
        "uefi": "its disk is made for UEFI",
        "bios+uefi": "its disk is made for a BIOS and for UEFI",
    }.get(made_for, "nothing on its disk is for UEFI")
    return "uefi" if made_for == "uefi" else "bios", why


def _is_old(kernel: Kernel) -> bool:
    return bool(re.match(r"\d", kernel.version)) and version_key(kernel.version) < OLD_KERNEL


def linux_bus(files: GuestReader, boot: Boot, kernel: Kernel | None) -> tuple[str, str]:
    """Return the bus for a Linux guest's disks, and why: what it calls them, what its kernel has drivers for."""
    named = _named_devices(files, kernel)
    if named in BUS_OF:
        return BUS_OF[named], f"the guest calls a disk /dev/{named}..."
    drivers = kernel.drivers if kernel is not None else ()
    if named == "sd":
        # QEMU's AHCI is /dev/sda too; virtio's SCSI is what clouds have.
        bus = "scsi" if "virtio_scsi" in drivers and "virtio_blk" not in drivers else "sata"
        bus = "ide" if kernel is not None and _is_old(kernel) else bus
        return bus, "the guest calls a disk /dev/sd..."
    if kernel is None:
        return "virtio", "no kernel is there to be asked"
    if "virtio_blk" in drivers:
        return "virtio", f"kernel {kernel.version} has virtio_blk"
    if _is_old(kernel):
        return "ide", f"kernel {kernel.version} is old, and has no virtio_blk"
    return "sata", f"kernel {kernel.version} has no virtio_blk"


def _named_devices(files: GuestReader, kernel: Kernel | None) -> str:
    """Return the kind of name by which the guest mounts its root, or anything; empty if it does so by UUIDs."""
    texts = [kernel.cmdline if kernel is not None else ""]
    if files.is_file("/etc/fstab") and files.stat("/etc/fstab").size <= TEXT_LIMIT:
        lines = files.read_text("/etc/fstab", limit=TEXT_LIMIT).split("\n")
        texts += [line.strip() for line in lines if line.strip().startswith("/dev/") and "noauto" not in line]
    return next((found[1] for text in texts if (found := DEVICE.search(text))), "")


def linux_memory(guest: Guest, kernel: Kernel | None) -> tuple[int, list[str]]:
    """Return the memory for a Linux guest in bytes, and what has raised it."""
    memory, more = GIB, list[str]()
    if guest.os.is_family("fedora", "rhel", "suse", "sles") and (kernel is None or not _is_old(kernel)):
        memory = 2 * GIB
    if kernel is None:
        return memory, more
    if kernel.initrd and guest.files.stat(kernel.initrd).size > LARGE_INITRD:
        memory = max(memory, 2 * GIB)
        more.append(f"its initrd has {format_size(guest.files.stat(kernel.initrd).size)}")
    if reserved := reserved_memory(guest.files, kernel.cmdline):
        memory += reserved
        more.append(f"it sets {format_size(reserved)} aside for huge pages and a crash kernel")
    return memory, more


def reserved_memory(files: GuestReader, arguments: str) -> int:
    """Return how much memory a guest sets aside when it boots, in bytes (kernel-parameters.txt, hugetlbpage.rst)."""
    size, total = 2 * MIB, 0
    for word in arguments.split():
        name, _, value = word.partition("=")
        if name in ("hugepagesz", "default_hugepagesz"):
            size = GIB if value.upper() == "1G" else 2 * MIB
        elif name == "hugepages":
            total += size * _number(value)
        elif name == "crashkernel" and (found := re.match(r"(\d{1,5})([MG])", value, re.IGNORECASE)):
            total += int(found[1]) * (GIB if found[2].upper() == "G" else MIB)
    for path in ["/etc/sysctl.conf", *files.glob("/etc/sysctl.d/*.conf")]:
        try:
            text = files.read_text(path, limit=TEXT_LIMIT) if files.stat(path).size <= TEXT_LIMIT else ""
        except NoSuchGuestFile:
            continue
        for found in re.finditer(r"(?m)^\s*vm[./]nr_hugepages\s*=\s*(\d{1,9})\s*$", text):
            total += 2 * MIB * int(found[1])
    return total


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


# -- what was chosen, and what was wished ------------------------------------------------------------------


def _settled(spec: MachineSpec, wishes: Wishes, reasons: Sequence[str], more: Sequence[str]) -> MachineChoice:
    """Return the machine with what a person has said, on a chipset that has it all."""
    spec = replace(
        spec,
        firmware=wishes.firmware or spec.firmware,
        bus=wishes.bus or spec.bus,
        memory=wishes.memory or spec.memory,
        cpus=wishes.cpus or min(spec.cpus, os.cpu_count() or 1),
        network=wishes.network,
    )
    # SATA is on q35 only; UEFI's IDE is on pc only, and OVMF knows both.
    machine = "q35" if spec.bus == "sata" or (spec.firmware == "uefi" and spec.bus != "ide") else "pc"
    said = [
        f"{name}: as asked" if getattr(wishes, name) else reason
        for reason in reasons
        for name in [reason.partition(":")[0]]
    ]
    if wishes.memory is None and more:
        said.append(f"memory: {'; '.join(more)}")
    require_memory(spec.memory)
    return MachineChoice(replace(spec, machine=machine), tuple(said))


def require_memory(memory: int) -> None:
    """Make sure that the host has so many bytes to give.

    :raises HostError: it has not.
    """
    free = free_memory()
    if memory > free:
        raise HostError(
            f"the guest's machine takes {format_size(memory)} of memory, and this host has {format_size(free)} free",
            hint="end other programs, or say --memory with less",
        )
