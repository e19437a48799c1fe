"""What UEFI starts: the EFI system partition, the programs in it, and where its boot loaders look on.

Each program has to be whole and a program of EFI's. A shim starts the GRUB beside it; a signed GRUB looks for a
grub.cfg on the ESP, which leads to the one in /boot; a GRUB that was made on the machine has that place built in.
Without a boot entry in the firmware's own memory, as after a move to another host, UEFI starts EFI/BOOT/BOOTX64.EFI.

What is not looked at: the firmware's memory, which is not on the disk, and signatures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.esp import EfiProgram, efi_programs, fallback_path, stubs
from imgtools.guest.boot.firmware import firmware_of, system_partitions
from imgtools.guest.boot.grub_place import GrubPlace
from imgtools.guest.boot.programs import uses_systemd_boot
from imgtools.ops.grub_folder import missing_folder
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity
from imgtools.records.disks import Declined, Disk, Partition

# By itself, the repair only does it where it sees for itself that something is wrong.
GRUB, SYSTEMD = Remedy("grub-install", ("force=yes",)), Remedy("systemd-boot", ("force=yes",))


@dataclass(frozen=True, slots=True)
class _Esp:
    """One ESP that can be read. ``only``: nothing on the disks is for a BIOS."""

    examined: Examined
    partition: Partition
    disk: Disk | None
    files: GuestReader
    only: bool

    @property
    def remedy(self) -> Remedy:
        """What installs the guest's boot loader again."""
        return SYSTEMD if uses_systemd_boot(self.examined.files) else GRUB

    def at(self, path: str, text: str = "") -> Evidence:
        """Where something is on it."""
        return Evidence(f"{self.partition.device}:{path}", text=text)

    @property
    def severity(self) -> Severity:
        """Of what keeps UEFI from starting anything, where it may be that a BIOS starts the machine."""
        return Severity.BROKEN if self.only else Severity.SUSPICIOUS


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps UEFI from getting to the boot menu."""
    disks = examined.layout.disks
    only = not firmware_of(disks, examined.open_device).bios
    partitions = system_partitions(disks)
    if not partitions:
        yield NotThere("no disk has an EFI system partition")
    for partition in partitions:
        disk = next((one for one in disks if partition in one.partitions), None)
        volume = next((one for one in examined.layout.volumes if one.device == partition.device), None)
        if volume is None or not volume.mountable:
            yield _unreadable(partition, "it holds no filesystem", only)
            continue
        files = examined.open_volume(volume)
        if isinstance(files, Declined):
            yield _unreadable(partition, files.reason, only) if files.damaged else NotKnown(files.reason)
            continue
        yield from _look_at(_Esp(examined, partition, disk, files, only))


def _unreadable(partition: Partition, why: str, only: bool) -> Finding:
    return Finding(
        "esp-damaged",
        f"{partition.device} is an EFI system partition, and UEFI cannot read it: {why}",
        severity=Severity.BROKEN if only else Severity.SUSPICIOUS,
        evidence=(Evidence(partition.device, text=why),),
        advice="make a FAT filesystem on it, mount it at /boot/efi, and install the boot loader again",
    )


def _look_at(esp: _Esp) -> Iterator[Seen]:
    programs = tuple(efi_programs(esp.files))
    if not programs:
        yield Finding(
            "esp-loader-missing",
            f"the EFI system partition {esp.partition.device} holds no boot loader",
            severity=esp.severity,
            evidence=(esp.at("/EFI", "no program in it"),),
            remedy=esp.remedy,
        )
        return
    for one in programs:
        yield from _program(esp, one)
    yield from _shims(esp, programs)
    yield from _stubs(esp)
    yield from _fallback(esp, programs)


def _program(esp: _Esp, one: EfiProgram) -> Iterator[Seen]:
    if one.problem:
        yield Finding(
            "efi-program-damaged",
            f"{one.path} on {esp.partition.device} cannot be started: {one.problem}",
            evidence=(esp.at(one.path, one.problem),),
            remedy=None if one.loader == "uki" else esp.remedy,
            advice="make the unified kernel image again" if one.loader == "uki" else "",
        )
    elif one.place is not None:
        yield from _place(esp, one, one.place)


def _place(esp: _Esp, one: EfiProgram, place: GrubPlace) -> Iterator[Seen]:
    """A GRUB without a device looks on the ESP that it was started from."""
    if not place.device and not place.uuid and not place.label:
        config = f"{place.folder}/grub.cfg"
        if place.folder.startswith("/EFI/") and not esp.files.is_file(config):
            yield Finding(
                "esp-stub-missing",
                f"{one.path} looks for {config} on {esp.partition.device}, which is not there: GRUB ends at grub>",
                evidence=(esp.at(config, "not there"),),
                remedy=esp.remedy,
            )
        return
    yield from _missing(esp, "efi-prefix-missing", one.path, place, modules=True)


def _missing(esp: _Esp, name: str, path: str, place: GrubPlace, *, modules: bool) -> Iterator[Seen]:
    missing = missing_folder(esp.examined, place, esp.disk, modules=modules)
    if isinstance(missing, NotKnown):
        yield missing
    elif missing:
        yield Finding(
            name,
            f"{path} on {esp.partition.device} leads to {place.folder or 'a folder'} on {place.name}, and {missing}",
            evidence=(esp.at(path, f"{place.name}{place.folder}"),),
            remedy=esp.remedy,
        )


def _shims(esp: _Esp, programs: Sequence[EfiProgram]) -> Iterator[Seen]:
    there = {one.path.casefold() for one in programs}
    for one in programs:
        folder = one.path.rpartition("/")[0]
        fallback = f"{folder}/fb{one.follower.removeprefix('grub')}".casefold() in there
        if one.loader == "shim" and f"{folder}/{one.follower}".casefold() not in there and not fallback:
            yield Finding(
                "shim-follower-missing",
                f"{one.path} starts {one.follower} beside it, which is not there",
                severity=Severity.SUSPICIOUS if folder.casefold() == "/efi/boot" else Severity.BROKEN,
                evidence=(esp.at(f"{folder}/{one.follower}", "not there"),),
                remedy=esp.remedy,
            )


def _stubs(esp: _Esp) -> Iterator[Seen]:
    for stub in stubs(esp.files):
        if stub.place.uuid or stub.place.label:
            yield from _missing(esp, "esp-stub-wrong", stub.path, stub.place, modules=False)


def _fallback(esp: _Esp, programs: Sequence[EfiProgram]) -> Iterator[Seen]:
    path = fallback_path(esp.examined.system.os.arch)
    if path.casefold() not in {one.path.casefold() for one in programs}:
        yield Finding(
            "efi-fallback-missing",
            f"{esp.partition.device} has no {path}: UEFI finds a boot loader only while it remembers where it is",
            severity=Severity.SUSPICIOUS,
            confidence=Confidence.MEDIUM,
            evidence=(esp.at(path, "not there"), *(esp.at(one.path, "there") for one in programs[:3])),
            remedy=esp.remedy,
        )


STATION = Station(
    summary="The EFI system partition and its programs",
    place=120,
    look=look,
    families=LINUX,
    causes={
        "esp-damaged": "The partition that UEFI starts from holds no FAT filesystem that can be read.",
        "esp-loader-missing": "The EFI system partition is empty: it was formatted, or the boot loader was installed "
        "while it was not mounted, and lies in a folder of the root.",
        "efi-program-damaged": "A boot loader on the ESP is empty, cut or overwritten: the machine was switched off "
        "while it was written, or the partition was full.",
        "efi-prefix-missing": "A GRUB made on the machine has its folder built in, and that is not there: a clone with "
        "new UUIDs, partitions in another order, /boot moved or deleted.",
        "esp-stub-missing": "A signed GRUB reads a small grub.cfg on the ESP, which leads to the one in /boot. It is "
        "gone; GRUB shows its prompt.",
        "esp-stub-wrong": "The small grub.cfg on the ESP searches a filesystem that is not there: a clone with new "
        "UUIDs, a new /boot.",
        "shim-follower-missing": "The shim is there, and the boot loader that it starts is not.",
        "efi-fallback-missing": "UEFI remembers boot entries in memory of its own, which does not come along when a "
        "disk moves. Then it starts EFI/BOOT/BOOTX64.EFI, and there is none.",
    },
    mended={
        "grub-install": (
            "esp-loader-missing",
            "efi-program-damaged",
            "efi-prefix-missing",
            "esp-stub-missing",
            "esp-stub-wrong",
            "shim-follower-missing",
            "efi-fallback-missing",
        ),
        "systemd-boot": ("esp-loader-missing", "efi-program-damaged", "efi-fallback-missing"),
    },
)
