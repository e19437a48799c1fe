r"""The drivers that the loader reads before Windows runs, and the filters that the disk needs.

What the loader does without a driver is told by its ``ErrorControl`` ("CreateServiceW function", learn.microsoft.com):
0 and 1 let it go on, 2 and 3 do not. A filter that a class of devices names and that does not start keeps all its
devices from starting: of the disk's classes that is stop code 0x7B ("Device filter driver ordering", there too).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.engine.hive import HiveKey
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.program import Program, examine_program
from imgtools.guest.windows.registry import MACHINE, Registry
from imgtools.guest.windows.services import SERVICES, driver_path

BOOT, SYSTEM, DISABLED = 0, 1, 4  # values of Start
GOES_ON = 1  # the greatest ErrorControl with which the loader goes on
DRIVER_TYPES = 0x0B  # SERVICE_KERNEL_DRIVER, SERVICE_FILE_SYSTEM_DRIVER, SERVICE_RECOGNIZER_DRIVER
MOST = 5000  # services; a machine has some 700
CLASSES = rf"{MACHINE}\SYSTEM\CurrentControlSet\Control\Class"
FILTERS = ("UpperFilters", "LowerFilters")
# Classes of devices without which the system's volume is not there ("System-Defined Device Setup Classes Available to
# Vendors", learn.microsoft.com).
DISK_CLASSES = {
    "{4d36e967-e325-11ce-bfc1-08002be10318}": "disk drives",
    "{4d36e97b-e325-11ce-bfc1-08002be10318}": "SCSI and RAID controllers",
    "{4d36e96a-e325-11ce-bfc1-08002be10318}": "IDE controllers",
    "{71a27cdd-812a-11d0-bec7-08002be2092f}": "volumes",
    "{4d36e97d-e325-11ce-bfc1-08002be10318}": "system devices",
}
# Of the disk, its volumes and their filesystem, of the processor's buses and of Windows itself.
NEEDED = frozenset(
    {"acpi.sys", "pci.sys", "partmgr.sys", "volmgr.sys", "volmgrx.sys", "mountmgr.sys", "disk.sys", "classpnp.sys"}
    | {"ntfs.sys", "fltmgr.sys", "volsnap.sys", "volume.sys", "cng.sys", "ksecdd.sys", "fvevol.sys", "ndis.sys"}
    | {"wdf01000.sys", "wdfldr.sys", "clfs.sys", "tm.sys", "clipsp.sys", "pcw.sys", "vdrvroot.sys", "tcpip.sys"}
)  # fmt: skip
# Of the controllers that virtual machines and PCs have: Windows' own, virtio-win's, VMware's, Xen's, Hyper-V's.
CONTROLLERS = frozenset(
    {"storahci", "stornvme", "pciide", "intelide", "atapi", "msahci", "viostor", "vioscsi", "pvscsi", "storvsc"}
    | {"lsi_sas", "lsi_sas2i", "lsi_sas3i", "lsi_scsi", "lsi_fc", "symc8xx", "sym_u3", "buslogic", "xenvbd"}
    | {"iastorv", "iastorav", "iastorvd", "nvme", "amdsata", "secnvme"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BootDriver:
    """A driver that starts at boot. ``control`` is its ErrorControl; ``program`` None: its file cannot be read here."""

    name: str
    file: str
    there: bool
    needed: bool  # the loader stops, or Windows does, without it
    program: Program | None = None


@dataclass(frozen=True, slots=True)
class LostFilter:
    """A filter of a class of devices that cannot start: ``why`` says what of it is missing."""

    name: str
    key: str  # of the class
    value: str  # UpperFilters, LowerFilters
    devices: str
    why: str


def boot_drivers(registry: Registry) -> Iterator[BootDriver]:
    """Yield the drivers that start at boot, each with the state of its file.

    :raises OddGuest: the SYSTEM hive is damaged.
    """
    for one in _services(registry):
        if one.number("Start") == BOOT and (one.number("Type") or 0) & DRIVER_TYPES:
            yield _driver(registry, one)


def _services(registry: Registry) -> Iterator[HiveKey]:
    above = registry.find(SERVICES)
    for number, one in enumerate(above.each_subkey() if above is not None else ()):
        if number >= MOST:
            return
        yield one


def _driver(registry: Registry, one: HiveKey) -> BootDriver:
    file = driver_path(registry, one.text("ImagePath") or rf"System32\drivers\{one.name}.sys")
    there = registry.files.is_file(file)
    is_needed = file.rpartition("/")[2].casefold() in NEEDED or (one.number("ErrorControl") or 0) > GOES_ON
    program = examine_program(registry.files, file) if there else None
    return BootDriver(one.name, file, there, is_needed, program)


def lost_filters(registry: Registry) -> Iterator[LostFilter]:
    """Yield the filters of the disk's classes whose driver is not there, or is disabled.

    :raises OddGuest: the SYSTEM hive is damaged.
    """
    for identity, devices in DISK_CLASSES.items():
        key = registry.find(rf"{CLASSES}\{identity}")
        for value in FILTERS if key is not None else ():
            found = key.value(value) if key is not None else None
            for name in (found.texts or ()) if found is not None else ():
                if name and (why := _lacks(registry, name)):
                    yield LostFilter(name, rf"{CLASSES}\{identity}", value, devices, why)


def _lacks(registry: Registry, name: str) -> str:
    if "\\" in name:
        return ""
    service = registry.find(rf"{SERVICES}\{name}")
    if service is None:
        return "no such driver is registered"
    if service.number("Start") == DISABLED:
        return "the driver is disabled"
    file = driver_path(registry, service.text("ImagePath") or rf"System32\drivers\{name}.sys")
    return "" if registry.files.is_file(file) else f"there is no {file}"


@dataclass(frozen=True, slots=True)
class Controllers:
    """The drivers of disk controllers that are registered: those that start at boot, and the others."""

    at_boot: tuple[str, ...]
    others: tuple[str, ...]


def controllers(registry: Registry, files: GuestReader) -> Controllers:
    """Return the drivers of disk controllers whose files are there.

    :raises OddGuest: the SYSTEM hive is damaged.
    """
    at_boot: list[str] = []
    others: list[str] = []
    for one in _services(registry):
        if one.name.casefold() not in CONTROLLERS:
            continue
        if files.is_file(driver_path(registry, one.text("ImagePath") or rf"System32\drivers\{one.name}.sys")):
            (at_boot if one.number("Start") == BOOT else others).append(one.name)
    return Controllers(tuple(at_boot), tuple(others))
