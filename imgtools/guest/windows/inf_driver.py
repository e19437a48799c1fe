r"""What an INF file says of a driver: its version, the devices that it is for, its service, its files.

Sources (learn.microsoft.com): the pages "INF Version Section", "INF Manufacturer Section", "INF Models Section",
"INF DDInstall Section", "INF DDInstall.Services Section", "INF DDInstall.HW Section" and "INF AddService Directive".
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.errors import shorten
from imgtools.guest.windows.inf import Entry, Inf
from imgtools.guest.windows.inf_files import CopiedFile, copied_files, file_name, package_files, place_of
from imgtools.guest.windows.inf_settings import Setting, read_number, read_settings
from imgtools.guest.windows.target_os import Decoration, TargetOs, closest, parse_decoration

SIGNATURES = ("$windows nt$", "$chicago$", "$windows 95$")
BOOT_START = 0  # SERVICE_BOOT_START of winnt.h: loaded by the boot loader
ASSOCIATED = 0x2  # SPSVCINST_ASSOCSERVICE of setupapi.h: the service of the device itself
MOST_MODELS = 4096


@dataclass(frozen=True, slots=True, order=True)
class DriverVersion:
    """``DriverVer``: Windows takes the later date, and of two of one date the higher version."""

    date: datetime.date
    version: tuple[int, int, int, int]

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.version))} of {self.date}"


@dataclass(frozen=True, slots=True)
class Model:
    """A device that a driver is for: ``hardware_id`` is met exactly, one of ``others`` less so."""

    description: str
    manufacturer: str
    install: str  # the section that installs it
    hardware_id: str
    others: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All of its ids, the exact one first."""
        return (self.hardware_id, *self.others)


@dataclass(frozen=True, slots=True)
class Service:
    """A service that the boot loader loads. ``binary`` is below the folder of Windows."""

    name: str
    type: int
    error_control: int
    binary: str
    group: str = ""
    display_name: str = ""
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class Install:
    """How a device is installed. ``name`` is the section as Windows took it, with its decoration.

    ``boot_service`` and what is set for the device are read of those that run before a disk can be read; the others
    are installed by Windows itself.
    """

    name: str
    has_service: bool
    files: tuple[CopiedFile, ...]
    boot_service: Service | None = None
    device: tuple[Setting, ...] = ()  # of the device's own key


@dataclass(frozen=True, slots=True)
class InfDriver:
    """What an INF file is for one Windows. ``files``: all of the package that it names, from its own folder on."""

    class_guid: str
    provider: str
    version: DriverVersion
    catalog: str
    decoration: Decoration
    models: tuple[Model, ...]
    installs: tuple[Install, ...]
    files: tuple[str, ...]

    @property
    def boot_services(self) -> tuple[Service, ...]:
        """The services that are to run before a disk can be read."""
        services = (one.boot_service for one in self.installs)
        return tuple(one for one in services if one is not None)


def is_driver(inf: Inf) -> bool:
    """Whether an INF file is one of a driver: one that starts a disc by itself has no [Version]."""
    return inf.text("Version", "Signature").casefold() in SIGNATURES


def driver_version(inf: Inf) -> DriverVersion:
    """Return the date and version of a driver: ``DriverVer = mm/dd/yyyy,w.x.y.z``.

    :raises HostError: there is none, or it is no date and version.
    """
    entry = inf.find("Version", "DriverVer")
    if entry is None:
        raise inf.wrong(0, "no DriverVer in [Version]")
    date = re.fullmatch(r"(\d\d?)[/-](\d\d?)[/-](\d{4})", entry.value(0))
    numbers = re.fullmatch(
        r"(\d{1,5})(?:\.(\d{1,5}))?(?:\.(\d{1,5}))?(?:\.(\d{1,5}))?", entry.value(1) or "0"
    )
    if date is None or numbers is None:
        raise inf.wrong(entry.line, f"not a date and a version: {shorten(','.join(entry.values))!r}")
    first, second, third, fourth = (min(int(one or 0), 0xFFFF) for one in numbers.groups())
    try:
        day = datetime.date(int(date[3]), int(date[1]), int(date[2]))
    except ValueError:
        day = datetime.date.min
    if day.year < 1601:  # when Windows begins to count
        raise inf.wrong(entry.line, f"no such date: {entry.value(0)}")
    return DriverVersion(day, (first, second, third, fourth))


def manufacturers(inf: Inf) -> Iterator[tuple[Entry, tuple[Decoration, ...]]]:
    """Yield the entries of [Manufacturer], each with the decorations of its models.

    :raises HostError: one is no decoration.
    """
    for entry in inf.entries("Manufacturer"):
        found = [Decoration("")] if inf.has(entry.value(0) or entry.key) else []
        for text in entry.values[1:] if entry.key else ():
            decoration = parse_decoration(text)
            if decoration is None:
                raise inf.wrong(entry.line, f"not the name of a system: {shorten(text)!r}")
            found.append(decoration)
        yield entry, tuple(found)


def hardware_ids(inf: Inf) -> Iterator[str]:
    """Yield the ids of all devices that an INF file names, for whatever Windows.

    :raises HostError: as :func:`manufacturers`.
    """
    for entry, decorations in manufacturers(inf):
        for decoration in decorations:
            for model in inf.entries(_models_section(entry, decoration)):
                yield from (one for one in model.values[1:] if one)


def driver_for(inf: Inf, target: TargetOs) -> InfDriver | None:
    """Return what an INF file is for a Windows, or None: it has nothing for it.

    :raises HostError: it says something impossible.
    """
    models: list[Model] = []
    taken = Decoration("")
    for entry, decorations in manufacturers(inf):
        decoration = closest(decorations, target)
        if decoration is None:
            continue
        taken = max(taken, decoration, key=lambda one: one.closeness)
        models += _models(inf, entry, decoration, target)
        if len(models) > MOST_MODELS:
            raise inf.wrong(entry.line, f"more than {MOST_MODELS} devices")
    if not models:
        return None
    names = dict.fromkeys(model.install for model in models)
    return InfDriver(
        class_guid=inf.text("Version", "ClassGuid").lower(),
        provider=inf.text("Version", "Provider"),
        version=driver_version(inf),
        catalog=file_name(inf, inf.text("Version", *_decorated("CatalogFile", target))),
        decoration=taken,
        models=tuple(models),
        installs=tuple(_install(inf, name, target) for name in names),
        files=tuple(dict.fromkeys(package_files(inf, target))),
    )


def _models_section(entry: Entry, decoration: Decoration) -> str:
    name = entry.value(0) or entry.key
    return f"{name}.{decoration.text}" if decoration.text else name


def _models(inf: Inf, entry: Entry, decoration: Decoration, target: TargetOs) -> Iterator[Model]:
    for line in inf.entries(_models_section(entry, decoration)):
        ids = tuple(one for one in line.values[1:] if one)
        if not line.key or not line.value(0) or not ids:
            raise inf.wrong(line.line, "a device without a section or an id")
        # A key's path has a backslash between its parts; nothing else in an id may make more of it.
        if any(not re.fullmatch(r"[!-\[\]-~]+(?:\\[!-\[\]-~]+)?", one) for one in ids):
            raise inf.wrong(line.line, "not the id of a device")
        name = next((one for one in _decorated(line.value(0), target) if inf.has(one)), line.value(0))
        yield Model(line.key, entry.key, name, ids[0], ids[1:])


def _decorated(name: str, target: TargetOs) -> tuple[str, ...]:
    """The names that Windows looks for, in this order: those of the processor, of Windows NT, of all."""
    return (f"{name}.NT{target.processor}", f"{name}.NT", name)


# -- how it is installed ---------------------------------------------------------------------------------------


def _install(inf: Inf, name: str, target: TargetOs) -> Install:
    services = [entry for entry in inf.all(f"{name}.Services", "AddService") if entry.value(0)]
    own = next(
        (one for one in services if read_number(inf, one.line, one.value(1) or "0") & ASSOCIATED), None
    )
    files = tuple(copied_files(inf, name, target))
    if own is None or not _is_boot_start(inf, own.value(2)):
        return Install(name, own is not None, files)
    service = _service(inf, own)
    if service.binary.casefold() not in (one.target.casefold() for one in files):
        raise inf.wrong(own.line, f"[{shorten(name)}] copies no {service.binary}")
    if elsewhere := next((one.source for one in files if not one.target), ""):
        raise inf.wrong(
            own.line, f"[{shorten(name)}] copies {elsewhere} into a folder that is none of a driver"
        )
    return Install(name, True, files, service, tuple(read_settings(inf, f"{name}.HW")))


def _is_boot_start(inf: Inf, section: str) -> bool:
    start = inf.find(section, "StartType")
    return start is not None and read_number(inf, start.line, start.value(0)) == BOOT_START


def _service(inf: Inf, entry: Entry) -> Service:
    name, section = entry.value(0), entry.value(2)
    if not re.fullmatch(r"[^\\/\0-\x1f]{1,255}", name):
        raise inf.wrong(entry.line, f"not the name of a service: {shorten(name)!r}")
    binary = inf.find(section, "ServiceBinary")
    if binary is None:
        raise inf.wrong(entry.line, f"the service {shorten(name)} has no ServiceBinary")
    return Service(
        name=name,
        type=_key_number(inf, section, "ServiceType"),
        error_control=_key_number(inf, section, "ErrorControl"),
        binary=place_of(inf, binary),
        group=inf.text(section, "LoadOrderGroup"),
        display_name=inf.text(section, "DisplayName"),
        settings=tuple(read_settings(inf, section)),
    )


def _key_number(inf: Inf, section: str, key: str) -> int:
    entry = inf.find(section, key)
    if entry is None:
        raise inf.wrong(0, f"no {key} in [{shorten(section)}]")
    return read_number(inf, entry.line, entry.value(0))
