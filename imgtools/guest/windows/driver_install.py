r"""What puts virtio drivers into a Windows that does not run: files, services, and how the devices are recognised.

Drivers of disks are registered, so that the next boot finds its disk behind another controller: the file in
System32\drivers, the service with what the INF file sets for it (``Parameters\BusType`` among it), and the devices'
ids. Before Windows 8 those are in the CriticalDeviceDatabase ("Stop 0x0000007B after you move the Windows XP system
disk", support.microsoft.com 314082); since then in SYSTEM\DriverDatabase, of which there is no public page: its keys
and values are those that Windows itself writes, as registry exports of installed virtio drivers show them, and as
virt-v2v has written them since 2015.

All drivers are put into a folder that DevicePath names ("INF files and the DevicePath registry value",
learn.microsoft.com), where Plug and Play finds them for devices that it does not know yet.
"""

from __future__ import annotations

import datetime
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imgtools.change.change import (
    Change,
    MakeDirectory,
    RegistryChange,
    RegistryMakeKey,
    RegistryRemoveKey,
    RegistrySet,
    Upload,
)
from imgtools.change.registry import stored_value
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.driver_choice import Choice, ChosenDriver, PackageFile
from imgtools.guest.windows.driver_source import read_place
from imgtools.guest.windows.drivers_there import STAGED, DriversThere
from imgtools.guest.windows.inf_driver import BOOT_START, DriverVersion, Install, Model, Service
from imgtools.guest.windows.inf_settings import Setting
from imgtools.guest.windows.registry import MACHINE, Registry
from imgtools.guest.windows.target_os import TargetOs, target_of
from imgtools.records.system import OsInfo, Warned

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import HiveKey

SYSTEM = rf"{MACHINE}\SYSTEM"
CONTROL_SET = rf"{SYSTEM}\CurrentControlSet"
CRITICAL = rf"{CONTROL_SET}\Control\CriticalDeviceDatabase"
DATABASE = rf"{SYSTEM}\DriverDatabase"
DEVICE_PATH = rf"{MACHINE}\SOFTWARE\Microsoft\Windows\CurrentVersion"
WINDOWS_8 = (6, 2)
NAMED_FOLDER = r"%SystemRoot%\Drivers\VirtIO"
FIRST_FOLDER = r"%SystemRoot%\inf"  # where Windows looks if it is told nowhere
EXACT, OTHER = b"\x01\xff\x00\x00", b"\x02\xff\x00\x00"  # how well an id is met
# PROCESSOR_ARCHITECTURE_... of winnt.h
PROCESSOR_NUMBERS = {"x86": 0, "ia64": 6, "amd64": 9, "arm": 5, "arm64": 12}
FILETIME_DAY = 864_000_000_000  # 100 ns
CONFIGURED = 7  # ConfigScope of a configuration that Windows has looked at whole


@dataclass(frozen=True, slots=True)
class DriverGuest:
    """The guest that drivers are put into."""

    files: GuestReader
    registry: Registry
    target: TargetOs


def driver_guest(files: GuestReader, os: OsInfo, registry: Registry) -> DriverGuest:
    """Return a guest as drivers are chosen for it.

    :raises UnsupportedGuest: its version or its processor is not known.
    """
    kind = registry.text(rf"{CONTROL_SET}\Control\ProductOptions", "ProductType")
    return DriverGuest(files, registry, target_of(os, kind))


def install_drivers(guest: DriverGuest, choice: Choice) -> Iterator[Change]:
    """Yield what puts drivers into the guest; what is there already is left out, and what is newer there stays.

    :raises OddGuest: a hive of the guest is damaged.
    :raises HostError: a driver's file cannot be read.
    """
    changes = tuple(_installed(guest, choice))
    # Two drivers may share a file, as those of Windows 7 do the library of their framework: it is put there once.
    first: dict[str, Upload] = {}
    for one in changes:
        if isinstance(one, Upload):
            first.setdefault(one.path.casefold(), one)
    folders = dict.fromkeys(parent_of(one.path) for one in first.values())
    yield from (MakeDirectory(one) for one in folders if not guest.files.is_dir(one))
    yield from (one for one in changes if not isinstance(one, Upload) or first[one.path.casefold()] is one)


def _installed(guest: DriverGuest, choice: Choice) -> Iterator[Change]:
    there = DriversThere(guest.files, guest.registry)
    staged = False
    for chosen in choice.drivers:
        known = there.version(chosen)
        if known is not None and (known > chosen.driver.version or there.is_installed(chosen)):
            if chosen.is_storage:
                yield from _boot_start(guest, chosen)
                if guest.target.version < WINDOWS_8:
                    yield from _critical_devices(guest, chosen)
            continue
        staged = True
        for file in chosen.files:
            yield from _put(guest, file, join(guest.registry.systemroot, f"{STAGED}/{file.path}"))
        if chosen.is_storage:
            yield from _register(guest, chosen)
    if staged:
        yield from _device_path(guest)


def kept_drivers(guest: DriverGuest, choice: Choice) -> Iterator[Warned]:
    """Yield what the guest has in a newer version, which stays; and what was left out of the choice."""
    there = DriversThere(guest.files, guest.registry)
    yield from choice.warnings
    for chosen in choice.drivers:
        known = there.version(chosen)
        if known is not None and known > chosen.driver.version:
            yield Warned(f"{chosen.name} stays: the guest has {known}, newer than {chosen.driver.version}")


# -- files -----------------------------------------------------------------------------------------------------


def _put(guest: DriverGuest, file: PackageFile, path: str) -> Iterator[Upload]:
    """Yield the copy of a file, unless the guest has it."""
    if guest.files.is_file(path) and guest.files.stat(path).size == file.place.size:
        content = read_place(file.place, file.path)
        if guest.files.read_bytes(path, limit=file.place.size) == content:
            return
    where = file.place
    yield Upload(path, where.host_path, where.size, offset=where.offset)


def _device_path(guest: DriverGuest) -> Iterator[Change]:
    """Yield DevicePath with the folder of the drivers in it."""
    key = guest.registry.find(DEVICE_PATH)
    value = key.value("DevicePath") if key is not None else None
    folders = [one for one in ((value.text if value is not None else "") or FIRST_FOLDER).split(";") if one]
    if NAMED_FOLDER.casefold() not in (one.casefold().rstrip("\\") for one in folders):
        text = ";".join([*folders, NAMED_FOLDER])
        yield from _set(guest, DEVICE_PATH, RegistrySet("", "", "DevicePath", "REG_EXPAND_SZ", text=text))


# -- what the boot needs ---------------------------------------------------------------------------------------


def _register(guest: DriverGuest, chosen: ChosenDriver) -> Iterator[Change]:
    by_source = {file.path.casefold(): file for file in chosen.files}
    for install in chosen.driver.installs:
        if install.boot_service is None:
            continue
        for copied in install.files:
            path = join(guest.registry.systemroot, copied.target)
            yield from _put(guest, by_source[copied.source.casefold()], path)
        yield from _service(guest, install.boot_service)
    yield from _boot_start(guest, chosen)
    if guest.target.version < WINDOWS_8:
        yield from _critical_devices(guest, chosen)
    else:
        yield from _driver_database(guest, chosen)


def _service(guest: DriverGuest, service: Service) -> Iterator[Change]:
    key = rf"{CONTROL_SET}\Services\{service.name}"
    binary = service.binary.replace("/", "\\")
    for one in (
        _number("Type", service.type),
        _number("ErrorControl", service.error_control),
        RegistrySet("", "", "ImagePath", "REG_EXPAND_SZ", text=binary),
        _text("Group", service.group),
        _text("DisplayName", service.display_name),
    ):
        if one.text != "":
            yield from _set(guest, key, one)
    for setting in service.settings:
        yield from _set(guest, key, setting)


def _boot_start(guest: DriverGuest, chosen: ChosenDriver) -> Iterator[Change]:
    """Yield what has the services of a driver loaded by the boot loader.

    A StartOverride would say otherwise for one hardware or another: Windows makes it for controllers that it did not
    meet at its first boots.
    """
    for service in chosen.driver.boot_services:
        key = rf"{CONTROL_SET}\Services\{service.name}"
        yield from _set(guest, key, _number("Start", BOOT_START))
        if guest.registry.find(rf"{key}\StartOverride") is not None:
            where = guest.registry.place(rf"{key}\StartOverride")
            yield RegistryRemoveKey(where.path, where.key)


def _critical_devices(guest: DriverGuest, chosen: ChosenDriver) -> Iterator[Change]:
    for model, install in _models(chosen):
        for one in model.ids:
            name = one.lower().replace("\\", "#")
            key = rf"{CRITICAL}\{name}"
            yield from _set(guest, key, _text("Service", install.name))
            yield from _set(guest, key, _text("ClassGUID", chosen.driver.class_guid.upper()))


def _models(chosen: ChosenDriver) -> Iterator[tuple[Model, Service]]:
    """Yield the devices that are there at boot, each with the service that drives it."""
    services = {one.name: one.boot_service for one in chosen.driver.installs}
    for model in chosen.driver.models:
        service = services[model.install]
        if service is not None:
            yield model, service


def _driver_database(guest: DriverGuest, chosen: ChosenDriver) -> Iterator[Change]:
    inf, package = f"virtio-{chosen.name}.inf", f"{chosen.name}.inf_{guest.target.processor}_virtio"
    installs = {one.name: one for one in chosen.driver.installs}
    used = list(dict.fromkeys(model.install for model, _ in _models(chosen)))
    driver = chosen.driver
    listed = rf"{DATABASE}\DriverInfFiles\{inf}"
    yield from _set(guest, listed, RegistrySet("", "", "", "REG_MULTI_SZ", texts=(package,)))
    yield from _set(guest, listed, _text("Active", package))
    yield from _set(guest, listed, RegistrySet("", "", "Configurations", "REG_MULTI_SZ", texts=tuple(used)))
    top = rf"{DATABASE}\DriverPackages\{package}"
    version = version_blob(guest.target.processor, driver.class_guid, driver.version)
    yield from _set(guest, top, RegistrySet("", "", "Version", "REG_BINARY", data=version))
    yield from _set(guest, top, _text("Provider", driver.provider))
    for name in used:
        yield from _configuration(guest, rf"{top}\Configurations\{name}", installs[name])
    key = rf"{DATABASE}\DeviceIds\{driver.class_guid}"
    yield from _set(guest, key, RegistrySet("", "", inf, "REG_NONE", data=b""))
    for model, _ in _models(chosen):
        for number, one in enumerate(model.ids):
            met = OTHER if number else EXACT
            key = rf"{DATABASE}\DeviceIds\{one}"
            yield from _set(guest, key, RegistrySet("", "", inf, "REG_BINARY", data=met))
            key = rf"{top}\Descriptors\{one}"
            yield from _set(guest, key, _text("Configuration", model.install))
            yield from _set(guest, key, _text("Description", model.description))
            yield from _set(guest, key, _text("Manufacturer", model.manufacturer))


def _configuration(guest: DriverGuest, key: str, install: Install) -> Iterator[Change]:
    service = install.boot_service
    if service is None:
        return
    yield from _set(guest, key, _text("Service", service.name))
    yield from _set(guest, key, _number("ConfigFlags", 0))
    yield from _set(guest, key, _number("ConfigScope", CONFIGURED))
    for setting in install.device:
        yield from _set(guest, rf"{key}\Device", setting)
    for setting in service.settings:
        yield from _set(guest, rf"{key}\Services\{service.name}", setting)


def version_blob(processor: str, class_guid: str, version: DriverVersion) -> bytes:
    """Return ``Version`` of a package: processor, class, date (100 ns since 1601) and version, each little-endian.

    So it is in exports of installed drivers: of viostor 62.71.104.8600, ``00 ff 09 00 00 00 00 00``, the class's GUID,
    ``00 40 90 ed 87 7f cf 01`` (2014-06-04), ``98 21 68 00 47 00 3e 00``, and eight zero bytes.
    """
    days = (version.date - datetime.date(1601, 1, 1)).days
    head = struct.pack("<HHI", 0xFF00, PROCESSOR_NUMBERS[processor], 0)
    numbers = struct.pack("<4H", *reversed(version.version))
    return head + uuid.UUID(class_guid).bytes_le + struct.pack("<Q", days * FILETIME_DAY) + numbers + bytes(8)


def _text(name: str, text: str) -> RegistrySet:
    return RegistrySet("", "", name, text=text)


def _number(name: str, number: int) -> RegistrySet:
    return RegistrySet("", "", name, "REG_DWORD", number=number)


def _set(guest: DriverGuest, key: str, setting: Setting) -> Iterator[RegistryChange]:
    """Yield a setting below a key, unless it is so."""
    name = rf"{key}\{setting.key}" if setting.key else key
    where = guest.registry.place(name)
    found: HiveKey | None = guest.registry.hive(where.path).key(where.key)
    if isinstance(setting, RegistryMakeKey):
        if found is None:
            yield RegistryMakeKey(where.path, where.key)
        return
    change = replace(setting, path=where.path, key=where.key)
    wanted, old = stored_value(change), found.value(change.name) if found is not None else None
    if old is None or (old.type, old.data) != (wanted.type, wanted.data):
        yield change
