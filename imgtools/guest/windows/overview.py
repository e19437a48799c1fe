"""All that the registry and the files of a Windows guest say of it, its hives opened once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.errors import NoSuchGuestFile
from imgtools.guest.guest import Guest
from imgtools.guest.windows.boot_entries import read_boot
from imgtools.guest.windows.facts import RegistryFacts
from imgtools.guest.windows.networks import read_interfaces
from imgtools.guest.windows.profiles import read_applications, read_profiles
from imgtools.guest.windows.registry import BOOT_HIVE, MACHINE, open_registry
from imgtools.guest.windows.sam import WindowsUser, read_users
from imgtools.guest.windows.security import (
    bitlocker_volumes,
    read_antivirus,
    read_firewall,
    read_policies,
)
from imgtools.guest.windows.services import DRIVERS, read_services, read_virtio
from imgtools.guest.windows.setup_state import image_state
from imgtools.guest.windows.system import WindowsDetails, details_of
from imgtools.guest.windows.tasks import read_tasks
from imgtools.guest.windows.updates import (
    pending_reboot,
    pending_updates,
    read_features,
    read_hotfixes,
    read_packages,
)
from imgtools.records.disks import Layout
from imgtools.records.packages import Application
from imgtools.records.system import Warned
from imgtools.records.windows import WindowsBootEntry, WindowsRow

HIVES = ("SOFTWARE", "SYSTEM", "SAM")  # without one of them, lists are empty that should not be
VISTA = 6  # its major version: the first Windows with a BCD


@dataclass(frozen=True, slots=True)
class WindowsOverview:
    """What is known of a Windows guest. ``applications`` is None if they were not asked for."""

    row: WindowsRow
    users: tuple[WindowsUser, ...]
    applications: tuple[Application, ...] | None
    warnings: tuple[Warned, ...]


def windows_overview(
    guest: Guest, layout: Layout, others: Sequence[str] = (), *, applications: bool = True
) -> WindowsOverview:
    """Read everything; what is damaged is left out, with a warning.

    :param guest: with the volume that it boots from (:func:`imgtools.guest.windows.boot_volume.with_boot_volume`).
    :param others: devices that other guests of the image mount.
    :param applications: whether to list what is installed: programs, packages, hotfixes and features.
    """
    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        facts = RegistryFacts(registry)
        for name in HIVES:
            if not _has_hive(facts, name):
                facts.warn(f"the guest has no hive {name}: what it would tell is not known")
        programs = read_applications(facts, guest.os.arch) if applications else None
        details, warnings = details_of(registry)
        row = _row(facts, details, guest, layout, others, programs)
        nobody: tuple[WindowsUser, ...] = ()
        users = facts.attempt(lambda: read_users(registry), nobody)
        told = (*registry.warnings, *warnings, *facts.warnings)
        return WindowsOverview(row, users, programs, tuple(dict.fromkeys(told)))


def _row(
    facts: RegistryFacts,
    details: WindowsDetails,
    guest: Guest,
    layout: Layout,
    others: Sequence[str],
    programs: tuple[Application, ...] | None,
) -> WindowsRow:
    services = read_services(facts)
    packages = read_packages(facts) if programs is not None else None
    return WindowsRow(
        details.edition,
        details.display_version,
        details.build,
        details.installed or None,
        details.timezone,
        details.utc_offset,
        details.domain,
        details.domain_joined,
        details.group_policy,
        details.hibernated,
        name=details.name,
        locale=details.locale,
        install_language=details.install_language,
        hibernation=details.hibernation,
        fast_startup=details.fast_startup,
        image_state=facts.attempt(lambda: image_state(facts.registry), ""),
        pending_reboot=pending_reboot(facts),
        pending_updates=pending_updates(packages) if packages is not None else None,
        services=tuple(one for one in services if one.kind not in DRIVERS),
        drivers=tuple(one for one in services if one.kind in DRIVERS),
        virtio=read_virtio(facts, services),
        interfaces=read_interfaces(facts),
        firewall=read_firewall(facts, services),
        antivirus=read_antivirus(facts, services, programs or ()),
        policies=read_policies(facts),
        bitlocker=bitlocker_volumes(layout, guest.drives, others),
        tasks=read_tasks(facts),
        profiles=read_profiles(facts),
        packages=packages,
        hotfixes=read_hotfixes(facts, packages) if packages is not None else None,
        features=read_features(facts) if packages is not None else None,
        boot=_boot(facts, guest, layout, others),
    )


def _boot(
    facts: RegistryFacts, guest: Guest, layout: Layout, others: Sequence[str]
) -> tuple[WindowsBootEntry, ...] | None:
    """The boot entries; a Windows since Vista has some, if not in this image."""
    if guest.os.major >= VISTA and not _has_hive(facts, BOOT_HIVE):
        facts.warn("no boot configuration of Windows (BCD) was found in this image")
    found = read_boot(facts, layout)
    own = (guest.root.device, *guest.root.parents)
    if found is not None and others and not any(entry.device in own for entry in found):
        facts.warn(f"the boot configuration that was found starts another system than {guest.root.device}")
        return None
    return found


def _has_hive(facts: RegistryFacts, name: str) -> bool:
    try:
        facts.registry.place(rf"{MACHINE}\{name}")
    except NoSuchGuestFile:
        return False
    return True
