"""Which drivers of a folder or disc are for a guest: those of virtio devices, each once, the one that fits best.

A driver is for a Windows if its INF file says so and no folder above it is named after a later Windows: one that was
built for a later one asks for functions that the kernel does not have. Nor is one of XP or Server 2003 taken for a
newer Windows. Of several, the one for the latest Windows is
taken, by INF file and folder, then the one of the guest's kind (client or server), then the newest (DriverVer).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imgtools.errors import HostError, UnsupportedGuest
from imgtools.guest.windows.driver_source import DriverSource, Place, read_place
from imgtools.guest.windows.inf import Inf, decode_inf, parse_inf
from imgtools.guest.windows.inf_driver import (
    InfDriver,
    driver_for,
    hardware_ids,
    is_driver,
    manufacturers,
)
from imgtools.guest.windows.system import pe_architecture
from imgtools.guest.windows.target_os import PROCESSORS, TargetOs
from imgtools.records.system import Warned

# What virtual devices are called: PCI vendors of Red Hat (1af4 is virtio's, 1b36 QEMU's: "The PCI ID Repository"), and
# what QEMU says in its ACPI tables (docs/specs/pvpanic.rst, fw_cfg.rst).
DEVICES = ("PCI\\VEN_1AF4&", "PCI\\VEN_1B36&", "ACPI\\QEMU", "ACPI\\VEN_QEMU")
MARKS = (b"VEN_1AF4", b"VEN_1B36", b"QEMU")
STORAGE = "{4d36e97b-e325-11ce-bfc1-08002be10318}"  # the class SCSIAdapter
MOST_INFS = 10_000
HEAD = 65536  # bytes of a program, with its header


@dataclass(frozen=True, slots=True)
class FolderOs:
    """The Windows that a folder is named after; ``build`` is its first."""

    major: int
    minor: int
    build: int = 0
    is_server: bool = False


# Folders of virtio-win's disc. Builds: "Windows 10 release information" and
# "Windows Server release information" (learn.microsoft.com).
FOLDERS: Mapping[str, FolderOs] = {
    "xp": FolderOs(5, 1),
    "2k3": FolderOs(5, 2, is_server=True),
    "vista": FolderOs(6, 0),
    "2k8": FolderOs(6, 0, is_server=True),
    "w7": FolderOs(6, 1),
    "2k8r2": FolderOs(6, 1, is_server=True),
    "w8": FolderOs(6, 2),
    "2k12": FolderOs(6, 2, is_server=True),
    "w8.1": FolderOs(6, 3),
    "2k12r2": FolderOs(6, 3, is_server=True),
    "w10": FolderOs(10, 0, 10240),
    "w11": FolderOs(10, 0, 22000),
    "2k16": FolderOs(10, 0, 14393, is_server=True),
    "2k19": FolderOs(10, 0, 17763, is_server=True),
    "2k22": FolderOs(10, 0, 20348, is_server=True),
    "2k25": FolderOs(10, 0, 26100, is_server=True),
}


# What the folders of its packages are called.
OTHER_NAMES = {
    "winxp": "xp",
    "win2003": "2k3",
    "winvista": "vista",
    "win2008": "2k8",
    "win2008r2": "2k8r2",
    **{f"win{one}": f"w{one}" for one in ("7", "8", "8.1", "10", "11")},
    **{f"win20{one}": f"2k{one}" for one in ("12", "12r2", "16", "19", "22", "25")},
}


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of a driver: its path from the INF file's folder on, and where it is on the host."""

    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class ChosenDriver:
    """A driver for the guest. ``name`` is the INF file's without its ending, in lower case: viostor."""

    name: str
    inf_path: str  # in the source
    driver: InfDriver
    files: tuple[PackageFile, ...] = ()  # INF file and catalog too

    @property
    def is_storage(self) -> bool:
        """Whether a disk hangs on it, so that Windows needs it to boot."""
        return self.driver.class_guid == STORAGE


@dataclass(frozen=True, slots=True)
class Choice:
    """The drivers that were chosen, by name, and what is to be known of those that were not."""

    drivers: tuple[ChosenDriver, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(slots=True)
class _Found:
    """What the INF files of a source are for. ``offered``: processors, and the systems that there are for each."""

    candidates: dict[str, list[tuple[tuple[object, ...], ChosenDriver]]] = field(default_factory=dict)
    offered: dict[str, set[str]] = field(default_factory=dict)
    has_storage: bool = False
    warnings: list[Warned] = field(default_factory=list)


def choose_drivers(source: DriverSource, target: TargetOs) -> Choice:
    """Return the drivers for a guest.

    :raises UnsupportedGuest: there is none for it, or none of those that its disk would need.
    :raises HostError: no INF file is there, or one of a disk's driver is damaged, or that not complete.
    :raises BadImage: the disc is damaged.
    """
    by_name = {path.casefold(): path for path in source.paths()}
    infs = [path for path in by_name.values() if path.casefold().endswith(".inf")]
    if not infs:
        raise HostError(
            f"no INF file in {source.name}", hint="name virtio-win.iso, or a folder with its files"
        )
    if len(infs) > MOST_INFS:
        raise HostError(f"{len(infs)} INF files in {source.name}", hint="name the folder of the drivers")
    found = _Found()
    for path in sorted(infs):
        _look_at(source, path, by_name, target, found)
    if not found.offered:
        raise HostError(
            f"no driver of a virtio device in {source.name}", hint=f"its {len(infs)} INF files are of others"
        )
    best = [max(several, key=lambda one: one[0])[1] for several in found.candidates.values()]
    if not any(one.is_storage for one in best) and (found.has_storage or not best):
        raise UnsupportedGuest(
            f"no virtio driver for {target} in {source.name}", hint=f"there are {_offers(found)}"
        )
    choice = _without_clashes(_complete(source, _without_stubs(best), by_name))
    return replace(choice, warnings=(*found.warnings, *choice.warnings))


def _look_at(
    source: DriverSource, path: str, by_name: Mapping[str, str], target: TargetOs, found: _Found
) -> None:
    name = f"{source.name}: {path}"
    content = read_place(source.place(path), name)
    plain = content.replace(b"\0", b"")  # without regard to UTF-16
    if not any(mark in plain.upper() for mark in MARKS):
        return
    try:
        _look_into(source, path, parse_inf(decode_inf(content, name), name), by_name, target, found)
    except HostError as error:
        if STORAGE.encode() in plain.lower():
            raise
        found.warnings.append(Warned(f"left out: {error.message}"))


def _look_into(
    source: DriverSource, path: str, inf: Inf, by_name: Mapping[str, str], target: TargetOs, found: _Found
) -> None:
    if not is_driver(inf) or not any(_is_virtual(one) for one in hardware_ids(inf)):
        return
    folder = _folder_of(path)
    found.has_storage |= inf.text("Version", "ClassGuid").lower() == STORAGE
    for _, decorations in manufacturers(inf):
        for one in decorations:
            version = "Windows {}.{} and later".format(*one.version) if one.version else "every Windows"
            found.offered.setdefault(one.processor or "x86", set()).add(folder or version)
    driver = driver_for(inf, target)
    system = FOLDERS.get(folder)
    if driver is None or not any(_is_virtual(one.hardware_id) for one in driver.models):
        return
    if (system is None or _is_for(system, target)) and _fits(source, path, driver, by_name, target):
        chosen = ChosenDriver(_base(path)[:-4].lower(), path, driver)
        found.candidates.setdefault(chosen.name, []).append((_rank(driver, system, target), chosen))


def _is_virtual(hardware_id: str) -> bool:
    return hardware_id.upper().startswith(DEVICES)


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _folder_of(path: str) -> str:
    """The system that the folders above a file are named after, as virtio-win's disc names it; "" if none is."""
    names = (OTHER_NAMES.get(part, part) for part in path.lower().split("/")[:-1])
    return next((name for name in reversed([*names]) if name in FOLDERS), "")


def _is_for(system: FolderOs, target: TargetOs) -> bool:
    """Whether a driver of a folder can be for a guest: not of a later Windows, nor of one before Vista in a newer."""
    build = system.build if target.build else 0
    is_old = system.major < 6 <= target.major
    return not is_old and (system.major, system.minor, build) <= (target.major, target.minor, target.build)


def _rank(driver: InfDriver, system: FolderOs | None, target: TargetOs) -> tuple[object, ...]:
    """Orders the drivers of one name: the greatest fits best."""
    said = driver.decoration
    named = (system.major, system.minor) if system is not None else (0, 0)
    return (
        max(said.version or (0, 0), named),
        said.build or 0,
        said.product_type is not None,
        system is not None and system.is_server == target.is_server,
        system.build if system is not None else 0,
        driver.version,
    )


def _fits(
    source: DriverSource, path: str, driver: InfDriver, by_name: Mapping[str, str], target: TargetOs
) -> bool:
    """Whether the programs of a driver are for the guest's processor, as far as they say."""
    for file in driver.files:
        there = by_name.get(_beside(path, file).casefold())
        if there is None or not file.lower().endswith(".sys"):
            continue
        where = source.place(there)
        head = read_place(replace(where, size=min(where.size, HEAD)), f"{source.name}: {there}")
        machine = pe_architecture(io.BytesIO(head))
        if machine and PROCESSORS.get(machine) != target.processor:
            return False
    return True


def _beside(inf_path: str, file: str) -> str:
    return f"{inf_path[: len(inf_path) - len(_base(inf_path))]}{file}"


def _offers(found: _Found) -> str:
    return "; ".join(
        f"{processor}: {', '.join(sorted(names))}" for processor, names in sorted(found.offered.items())
    )


def _without_stubs(drivers: Sequence[ChosenDriver]) -> tuple[ChosenDriver, ...]:
    """Leave out a driver without a service whose device another one really drives: fw_cfg has both, in conflict."""
    driven = {one for chosen in drivers if _has_service(chosen) for one in _ids(chosen)}
    return tuple(one for one in drivers if _has_service(one) or not _ids(one) <= driven)


def _has_service(chosen: ChosenDriver) -> bool:
    return any(one.has_service for one in chosen.driver.installs)


def _ids(chosen: ChosenDriver) -> set[str]:
    return {one.hardware_id.upper() for one in chosen.driver.models}


def _complete(source: DriverSource, drivers: Sequence[ChosenDriver], by_name: Mapping[str, str]) -> Choice:
    """Give the drivers their files; leave out those that lack one.

    :raises HostError: a driver of a disk lacks one.
    """
    whole: list[ChosenDriver] = []
    warnings: list[Warned] = []
    for chosen in sorted(drivers, key=lambda one: one.name):
        there = {one: by_name.get(_beside(chosen.inf_path, one).casefold()) for one in _files(chosen)}
        lacking = next((one for one in _needed(chosen) if there.get(one) is None), "")
        if chosen.is_storage and not chosen.driver.boot_services:
            raise HostError(f"{source.name}: {chosen.inf_path} has no service that is loaded at boot")
        if not lacking and chosen.driver.catalog:
            found = (PackageFile(one, source.place(path)) for one, path in there.items() if path is not None)
            whole.append(replace(chosen, files=tuple(found)))
            continue
        what = lacking if chosen.driver.catalog else "the name of its catalog (CatalogFile)"
        text = f"{source.name}: the driver {chosen.inf_path} is not complete: it lacks {what}"
        if chosen.is_storage:
            hint = "Windows takes no driver without its catalog, which holds the signature"
            raise HostError(text, hint=hint)
        warnings.append(Warned(f"left out: {text}"))
    return Choice(tuple(whole), tuple(warnings))


def _without_clashes(choice: Choice) -> Choice:
    """Leave out a driver with a file that another one has under the same name: all go into one folder."""
    taken: dict[str, tuple[ChosenDriver, PackageFile]] = {}
    kept: list[ChosenDriver] = []
    warnings = list(choice.warnings)
    for chosen in sorted(choice.drivers, key=lambda one: not one.is_storage):
        shared = ((file, *taken[key]) for file in chosen.files if (key := file.path.casefold()) in taken)
        clash = next((one for one in shared if _content(one[0]) != _content(one[2])), None)
        if clash is not None:
            file, other, _ = clash
            text = f"left out: {chosen.inf_path}: its {file.path} is not the one of {other.inf_path}"
            warnings.append(Warned(text))
            continue
        kept.append(chosen)
        taken |= {file.path.casefold(): (chosen, file) for file in chosen.files}
    return Choice(tuple(sorted(kept, key=lambda one: one.name)), tuple(warnings))


def _content(file: PackageFile) -> bytes:
    return read_place(file.place, file.path)


def _needed(chosen: ChosenDriver) -> Iterator[str]:
    """The files that an installation copies, with INF file and catalog."""
    yield from (one for one in (_base(chosen.inf_path), chosen.driver.catalog) if one)
    for install in chosen.driver.installs:
        yield from (file.source for file in install.files)


def _files(chosen: ChosenDriver) -> Iterator[str]:
    """All files of a package, each once; some that are named in it are of Windows itself, as serial.sys is."""
    seen: dict[str, str] = {}
    for name in (*_needed(chosen), *chosen.driver.files):
        if seen.setdefault(name.casefold(), name) == name:
            yield name
