"""What a guest is made of: its system, packages of the distribution, kernels, boot loader, packages of languages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from imgtools.errors import NoSuchGuestFile, OddGuest
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.boot.bootloader import find_loader
from imgtools.guest.boot.kernels import find_kernels
from imgtools.guest.find.release import Release, read_release
from imgtools.guest.guest import Guest
from imgtools.guest.packages.copyright_files import package_licenses
from imgtools.guest.packages.installed import read_installed
from imgtools.guest.packages.language_packages import find_language_packages
from imgtools.guest.packages.licenses import distinct, spdx_expression
from imgtools.guest.packages.manifests import one_line
from imgtools.guest.packages.owners import find_owners
from imgtools.guest.packages.purls import distribution_purl, full_version
from imgtools.records.components import LANGUAGES, Component, ComponentKind
from imgtools.records.packages import Application
from imgtools.records.system import OsType, Warned

# Boot loader -> the packages that bring it, the most exact first.
LOADER_PACKAGES = {
    "grub2": (
        "grub-pc", "grub-efi-amd64", "grub-efi-arm64", "grub2-pc", "grub2-efi-x64", "grub2-efi-aa64", "grub2-common",
        "grub2-tools", "grub2-i386-pc", "grub2", "grub", "grub-efi", "grub-bios",
    ),
    "grub-legacy": ("grub-legacy", "grub"),
    "systemd-boot": ("systemd-boot", "systemd-boot-unsigned", "systemd-udev", "systemd"),
    "extlinux": ("extlinux", "syslinux-extlinux", "syslinux-common", "syslinux"),
    "zipl": ("s390-tools", "s390utils-core", "s390utils-base"),
    "lilo": ("lilo",),
    "u-boot": ("u-boot-tools", "u-boot-menu", "uboot-tools"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Components:
    """The components of a guest, sorted by kind and name, and what was found on the way."""

    components: tuple[Component, ...]
    release: Release
    warnings: tuple[Warned, ...] = ()


def find_components(guest: Guest, *, allow_partial: bool = False) -> Components:
    """Return everything that a guest is made of.

    :param allow_partial: a damaged database of packages is a warning, and what could be read is listed.
    :raises OddGuest: a database of packages is damaged.
    """
    windows = guest.os.type is OsType.WINDOWS
    release = Release() if windows else read_release(guest.files)
    base = _windows(guest) if windows else _linux(guest, release)
    if base.damage and not allow_partial:
        first = base.damage[0]
        raise OddGuest(
            f"{first.path}: {first.text}" if first.path else first.text,
            hint="the list would be shorter than what is installed; --allow-partial lists what could be read",
        )
    languages = find_language_packages(guest.files)
    found = [*base.components, *languages.components]
    owned = _Owned(found) if windows else _with_owners(guest, found)
    warnings = (*base.damage, *base.warnings, *languages.warnings, *owned.warnings)
    return Components(tuple(sorted(owned.components, key=_order)), release, tuple(dict.fromkeys(warnings)))


class _Base(NamedTuple):
    """What the databases of a system say, and what says that there was more."""

    components: Sequence[Component]
    damage: tuple[Warned, ...]
    warnings: tuple[Warned, ...] = ()


class _Owned(NamedTuple):
    components: Sequence[Component]
    warnings: tuple[Warned, ...] = ()


def _order(one: Component) -> tuple[int, str, str, str, tuple[str, ...]]:
    return list(ComponentKind).index(one.kind), one.name, one.version, one.arch, one.paths


# -- Linux -----------------------------------------------------------------------------------------------------


def _linux(guest: Guest, release: Release) -> _Base:
    files, package_format = guest.files, guest.os.package_format
    installed = read_installed(files, package_format)
    packages = [_package(files, one, package_format, release) for one in installed.applications]
    boot: list[Component] = []
    told: list[Warned] = []
    try:
        boot = [*_kernels(guest), *_boot_loader(files, packages)]
    except DAMAGE as error:
        told.append(Warned(error.message, getattr(error, "path", "")))
    return _Base([_system(guest, release), *packages, *boot], installed.damage, tuple(told))


def _system(guest: Guest, release: Release) -> Component:
    version = release.fields.get("VERSION_ID", "") or ".".join(
        str(each) for each in (guest.os.major, guest.os.minor) if each
    )
    cpe = release.fields.get("CPE_NAME", "")
    return Component(
        ComponentKind.SYSTEM,
        one_line(release.id or guest.os.distro),
        one_line(version),
        arch=guest.os.arch,
        url=one_line(release.fields.get("HOME_URL", "")),
        summary=one_line(guest.os.product_name),
        cpe=one_line(cpe) if cpe.startswith(("cpe:/", "cpe:2.3:")) else "",
    )


def _package(files: GuestReader, one: Application, package_format: str, release: Release) -> Component:
    if package_format == "deb" or (package_format == "opkg" and not one.license):
        licenses = package_licenses(files, one.name)
    else:
        licenses = distinct([spdx_expression(one.license)])
    return Component(
        ComponentKind.PACKAGE,
        one_line(one.name),
        one_line(full_version(one, package_format)),
        distribution_purl(one, package_format, release),
        tuple(one_line(each) for each in licenses),
        arch=one_line(one.arch),
        supplier=one_line(one.publisher),
        url=one_line(one.url),
        summary=one_line(one.summary),
        source=one_line(one.source_package) or one_line(one.name),
        source_version=one_line(one.source_version),
    )


def _kernels(guest: Guest) -> Iterator[Component]:
    for kernel in find_kernels(guest.files):
        yield Component(
            ComponentKind.KERNEL,
            "linux",
            one_line(kernel.version),
            arch=guest.os.arch,
            summary="Linux kernel",
            paths=(kernel.vmlinuz,),
        )


def _boot_loader(files: GuestReader, packages: Sequence[Component]) -> Iterator[Component]:
    """Yield the boot loader, in the version of the package that brings it: its code on the disk names none."""
    loader, config = find_loader(files)
    if not loader:
        return
    by_name = {one.name: one for one in packages}
    package = next((by_name[name] for name in LOADER_PACKAGES.get(loader, ()) if name in by_name), None)
    yield Component(
        ComponentKind.BOOT_LOADER,
        loader,
        package.version if package else "",
        paths=(config,) if config else (),
        owner=package.name if package else "",
    )


def _with_owners(guest: Guest, components: Sequence[Component]) -> _Owned:
    """Say of what was found in files which package of the distribution brings it."""
    paths = {_file_of(path) for one in components if _has_owner(one) for path in one.paths}
    try:
        owners = find_owners(guest.files, guest.os.package_format, paths)
    except DAMAGE as error:
        return _Owned(components, (Warned(f"which package owns a file is not known: {error.message}"),))
    return _Owned([_owned(one, owners) if _has_owner(one) else one for one in components])


def _has_owner(one: Component) -> bool:
    return one.kind in LANGUAGES or one.kind is ComponentKind.KERNEL


def _owned(one: Component, owners: dict[str, str]) -> Component:
    """One that also lies where no package brings it has no owner: it is there without the package, too."""
    names = [owners.get(_file_of(path), "") for path in one.paths]
    return replace(one, owner=names[0]) if names and all(names) else one


def _file_of(path: str) -> str:
    """The file of the guest that holds an archive in an archive."""
    return path.partition("!/")[0]


# -- Windows ---------------------------------------------------------------------------------------------------


def _windows(guest: Guest) -> _Base:
    from imgtools.guest.windows.facts import RegistryFacts
    from imgtools.guest.windows.profiles import read_applications
    from imgtools.guest.windows.registry import MACHINE, open_registry
    from imgtools.guest.windows.system import details_of

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        facts = RegistryFacts(registry)
        details, told = details_of(registry)
        programs = read_applications(facts, guest.os.arch)
        damage = list(facts.warnings)
        try:
            registry.place(rf"{MACHINE}\SOFTWARE")
        except NoSuchGuestFile:
            damage.append(Warned("the guest has no hive SOFTWARE: what is installed is not known"))
        others = (*registry.warnings, *told)
    version = details.build or f"{guest.os.major}.{guest.os.minor}"
    title = details.name or guest.os.product_name
    system = Component(
        ComponentKind.SYSTEM, "windows", one_line(version), arch=guest.os.arch, summary=one_line(title)
    )
    return _Base([system, *(_program(one) for one in programs)], tuple(damage), others)


def _program(one: Application) -> Component:
    return Component(
        ComponentKind.PROGRAM,
        one_line(one.display_name or one.name),
        one_line(one.version),
        arch={32: "x86", 64: "x86_64"}.get(one.bits, ""),
        supplier=one_line(one.publisher),
        url=one_line(one.url),
        summary=one_line(one.description),
        paths=(one_line(one.install_path),) if one.install_path else (),
    )
