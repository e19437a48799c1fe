"""A small virtio-win: INF files of the shapes that the real ones have, written here, with programs and catalogs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from fixtures.executables import pe

STORAGE = "{4D36E97B-E325-11CE-BFC1-08002BE10318}"
NET = "{4d36e972-e325-11ce-bfc1-08002be10318}"
SYSTEM = "{4d36e97d-e325-11ce-bfc1-08002be10318}"
PROGRAMS = {"x86": "i386", "amd64": "x86_64", "arm64": "aarch64"}
DATE, NUMBER = "10/07/2024", "100.95.104.26200"

DISK_INF = """\
; {name}.inf, for tests
[Version]
Signature="$Windows NT$"
Class=SCSIAdapter
ClassGUID={guid}
Provider=%VENDOR%
DriverVer={date},{number} ; stamped
CatalogFile={name}.cat
PnpLockdown=1

[SourceDisksNames]
1 = %DiskId1%,,,""
[SourceDisksFiles]
{name}.sys = 1,,

[DestinationDirs]
Files = {dirid}

[Manufacturer]
%VENDOR%   = Devices,{decoration}

[Devices.{decoration}]
%Device% = inst, PCI\\VEN_1AF4&DEV_{old}&REV_00, PCI\\VEN_1AF4&DEV_{old}
%Device% = inst, PCI\\VEN_1AF4&DEV_{new}&SUBSYS_11001AF4&REV_01, PCI\\VEN_1AF4&DEV_{new}

[Files]
{name}.sys,,,2

[inst]
CopyFiles=Files

[inst.Services]
AddService = {name}, 0x00000002 , Service_Inst, Log_Inst

[Service_Inst]
DisplayName    = %Service%
ServiceType    = %SERVICE_KERNEL_DRIVER%
StartType      = %SERVICE_BOOT_START%
ErrorControl   = 1               ; SERVICE_ERROR_NORMAL
ServiceBinary  = %{dirid}%\\{name}.sys
LoadOrderGroup = SCSI miniport
AddReg         = Pnp

[inst.HW]
AddReg = Msi

[Log_Inst]
AddReg = Log_AddReg
[Log_AddReg]
HKR,,EventMessageFile,%REG_EXPAND_SZ%,"%%SystemRoot%%\\System32\\IoLogMsg.dll"

[Pnp]
HKR, "Parameters\\PnpInterface", "5", %REG_DWORD%, 0x00000001
HKR, "Parameters", "BusType", %REG_DWORD%, {bus}

[Msi]
HKR, "Interrupt Management",, 0x00000010
HKR, "Interrupt Management\\MessageSignaledInterruptProperties", MSISupported, 0x00010001, 1

[Strings]
VENDOR = "Red Hat, Inc."
diskId1 = "a disk"
Device = "{device}"
Service = "{device} service"
REG_EXPAND_SZ  = 0x00020000
REG_DWORD      = 0x00010001
SERVICE_KERNEL_DRIVER  = 1
SERVICE_BOOT_START     = 0
"""

OTHER_INF = """\
[Version]
Signature="$WINDOWS NT$"
Class={class_}
ClassGuid={guid}
Provider=%V%
DriverVer={date},{number}
CatalogFile={name}.cat
[DestinationDirs]
DefaultDestDir = 13
[SourceDisksNames]
1 = %V%,,,""
[SourceDisksFiles]
{name}.sys = 1,,
[Manufacturer]
%V%=Standard,{decoration}
[Standard.{decoration}]
%V%=Dev, {id}
[Dev.NT]
CopyFiles=Drivers
[Drivers]
{name}.sys
[Dev.NT.Services]
AddService = {name},%ASSOC%, Inst
[Inst]
ServiceType    = 1
StartType      = 3
ErrorControl   = 1
ServiceBinary  = %13%\\{name}.sys
[Strings]
V = "Red Hat, Inc."
ASSOC = 2
"""


def disk_inf(
    name: str = "viostor",
    decoration: str = "NTamd64",
    *,
    date: str = DATE,
    number: str = NUMBER,
    dirid: int = 12,
    guid: str = STORAGE,
) -> str:
    """The INF file of viostor or vioscsi."""
    blk = name == "viostor"
    return DISK_INF.format(
        name=name, decoration=decoration, date=date, number=number, dirid=dirid, guid=guid,
        old="1001" if blk else "1004", new="1042" if blk else "1048", bus="0x00000001" if blk else "0x0000000A",
        device="Red Hat VirtIO SCSI controller" if blk else "Red Hat VirtIO SCSI pass-through controller",
    )  # fmt: skip


def other_inf(
    name: str = "balloon",
    decoration: str = "NTamd64",
    *,
    id: str = r"PCI\VEN_1AF4&DEV_1002, PCI\VEN_1AF4&DEV_1045",
    class_: str = "System",
    guid: str = SYSTEM,
    date: str = DATE,
    number: str = NUMBER,
) -> str:
    """The INF file of a driver that Windows starts when it needs it."""
    return OTHER_INF.format(
        name=name, decoration=decoration, id=id, class_=class_, guid=guid, date=date, number=number
    )


def package(folder: str, inf: str, name: str, processor: str = "amd64") -> dict[str, bytes]:
    """The files of a driver in a folder: INF file, catalog, program."""
    return {
        f"{folder}/{name}.inf": inf.encode(),
        f"{folder}/{name}.cat": f"catalog of {folder}".encode(),
        f"{folder}/{name}.sys": pe(PROGRAMS[processor]) + folder.encode(),
    }


def drivers(system: str, processor: str = "amd64", decoration: str = "", **stamp: str) -> dict[str, bytes]:
    """Four drivers for one system, laid out as on virtio-win's disc."""
    decoration = decoration or f"NT{processor}"
    made: dict[str, bytes] = {}
    for name in ("viostor", "vioscsi"):
        text = disk_inf(name, decoration, **stamp)  # type: ignore[arg-type]
        made |= package(f"{name}/{system}/{processor}", text, name, processor)
    net = other_inf(
        "netkvm",
        decoration,
        id=r"PCI\VEN_1AF4&DEV_1000, PCI\VEN_1AF4&DEV_1041",
        class_="Net",
        guid=NET,
        **stamp,
    )
    made |= package(f"NetKVM/{system}/{processor}", net, "netkvm", processor)
    made |= package(
        f"Balloon/{system}/{processor}", other_inf(decoration=decoration, **stamp), "balloon", processor
    )
    return made


def virtio_win() -> dict[str, bytes]:
    """Drivers for XP (x86) up to 11 (ARM64) and Server 2025, and what else such a disc holds."""
    made: dict[str, bytes] = {
        "autorun.inf": b"[AutoRun]\nlabel=virtio-win\n",
        "guest-agent/qemu-ga-x86_64.msi": b"msi",
        "virtio-win_license.txt": b"text",
    }
    for system, processor in (
        ("xp", "x86"), ("2k3", "x86"), ("2k3", "amd64"), ("2k8", "amd64"), ("w7", "x86"), ("w7", "amd64"),
        ("2k8R2", "amd64"), ("w8.1", "amd64"), ("2k12R2", "amd64"), ("w10", "x86"), ("w10", "amd64"), ("w10", "arm64"),
        ("2k16", "amd64"), ("2k19", "amd64"), ("2k22", "amd64"), ("2k25", "amd64"), ("w11", "amd64"), ("w11", "arm64"),
    ):  # fmt: skip
        made |= drivers(system, processor)
    return made


def write_tree(files: Mapping[str, bytes], folder: Path) -> Path:
    """The files in a folder of the host."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def make_disc(folder: Path, image: Path, *how: str) -> Path:
    """A disc image of a folder; with Rock Ridge as virtio-win's, or as ``how`` says."""
    words = how or ("-r", "-iso-level", "4")
    command = ["xorriso", "-as", "mkisofs", "-quiet", *words, "-V", "virtio-win", "-o", image, folder]
    subprocess.run(command, check=True, capture_output=True)
    return image
