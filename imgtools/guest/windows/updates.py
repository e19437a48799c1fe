r"""Packages of the component store of a Windows guest, its hotfixes, its features, and what waits for a reboot.

States of packages are those of the servicing stack's CbsApi (its enumeration CbsState); ``DISM /Get-Packages`` shows
the same. What says that a reboot is pending are the keys that the resource PendingReboot of ComputerManagementDsc
(Microsoft, MIT) looks for, and others of the same programs; "MoveFileExA function" (learn.microsoft.com) has the
renames.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from imgtools.engine.hive import HiveKey
from imgtools.files.paths import join
from imgtools.guest.windows.facts import RegistryFacts, Values
from imgtools.guest.windows.registry import MACHINE
from imgtools.records.windows import Hotfix, WindowsFeature, WindowsPackage

CURRENT_VERSION = rf"{MACHINE}\SOFTWARE\Microsoft\Windows\CurrentVersion"
SERVICING = rf"{CURRENT_VERSION}\Component Based Servicing"
PACKAGES = rf"{SERVICING}\Packages"
# Selection 1: turned on. The servicing stack tells those who wait for it by these keys.
OPTIONAL = rf"{SERVICING}\Notifications\OptionalFeatures"
# What Server Manager keeps of Get-WindowsFeature's answer: InstallState 1 is installed, 0 is not ("Remote Desktop
# license server isn't available when you connect to an Azure VM", learn.microsoft.com, asks for it so).
COMPONENTS = rf"{MACHINE}\SOFTWARE\Microsoft\ServerManager\ServicingStorage\ServerComponentCache"
STATES = {
    0x00: "absent", 0x05: "uninstall-pending", 0x10: "resolving", 0x20: "resolved", 0x30: "staging", 0x40: "staged",
    0x50: "superseded", 0x60: "install-pending", 0x65: "partially-installed", 0x70: "installed", 0x80: "permanent",
}  # fmt: skip
FURTHEST = ("installed", "permanent", "partially-installed", "install-pending", "uninstall-pending")
PENDING = ("install-pending", "uninstall-pending", "staging", "resolving")
KB = re.compile(r"KB\d{6,8}", re.IGNORECASE)
# The manifest of a package says which update it is, where its name does not: cumulative ones are all RollupFix.
MANIFESTS = "servicing/Packages"
OF_UPDATE = "package_for_"
IDENTIFIER = re.compile(rb'<package\b[^>]*\bidentifier="(KB\d{6,8})"', re.IGNORECASE)
MANIFEST_HEAD = 16 << 10  # bytes that are looked at; what is asked for stands at the beginning
MOST_MANIFESTS = 2000
# Windows XP and 2003 have no packages; their updates leave a key each here.
OLD_HOTFIXES = rf"{MACHINE}\SOFTWARE\Microsoft\Windows NT\CurrentVersion\HotFix"
CONTROL = rf"{MACHINE}\SYSTEM\CurrentControlSet\Control"
SETUP = rf"{MACHINE}\SYSTEM\Setup"
SESSION_MANAGER = rf"{CONTROL}\Session Manager"
NETLOGON = rf"{MACHINE}\SYSTEM\CurrentControlSet\Services\Netlogon"
# Reason, and the keys any of which being there says so.
REBOOT_KEYS = (
    (
        "component-servicing",
        tuple(rf"{SERVICING}\{name}" for name in ("RebootPending", "RebootInProgress", "PackagesPending")),
    ),
    ("windows-update", (rf"{CURRENT_VERSION}\WindowsUpdate\Auto Update\RebootRequired",)),
)
RENAMES = ("PendingFileRenameOperations", "PendingFileRenameOperations2")


def read_packages(facts: RegistryFacts) -> tuple[WindowsPackage, ...]:
    """Return every package that the store knows, in the order of their names."""
    manifests = _Manifests(facts)

    def one(key: HiveKey) -> WindowsPackage | None:
        values = Values(key.values())
        state = values.number("CurrentState")
        if state is None:
            return None
        return WindowsPackage(
            key.name,
            STATES.get(state, f"{state:#x}"),
            _kb(key.name, values) or manifests.update_of(key.name),
            values.time("InstallTimeHigh", "InstallTimeLow"),
            values.text("InstallClient"),
        )

    return facts.each(PACKAGES, one)


def _kb(name: str, values: Values) -> str:
    """Return the number of the update that brought a package: in its name, or in that of the file it came in."""
    for text in (name, values.text("InstallName"), values.text("InstallLocation")):
        if match := KB.search(text):
            return match[0].upper()
    return ""


class _Manifests:
    """Manifests of packages, of which only so many are read."""

    def __init__(self, facts: RegistryFacts) -> None:
        self._facts = facts
        self._left = MOST_MANIFESTS

    def update_of(self, package: str) -> str:
        """Return the number of the update that a package is; "" if its manifest is not there, or says none."""
        if not package.lower().startswith(OF_UPDATE) or "/" in package:
            return ""
        self._left -= 1
        if self._left < 0:
            self._facts.warn(
                f"only {MOST_MANIFESTS} manifests of packages were read for the numbers of updates"
            )
            return ""
        path = join(self._facts.registry.systemroot, f"{MANIFESTS}/{package}.mum")
        match = IDENTIFIER.search(self._facts.attempt(lambda: self._head(path), b""))
        return match[1].decode("ascii").upper() if match else ""

    def _head(self, path: str) -> bytes:
        if not self._facts.files.is_file(path):
            return b""
        with self._facts.files.open(path) as stream:
            return stream.read(MANIFEST_HEAD)


def read_hotfixes(facts: RegistryFacts, packages: Sequence[WindowsPackage]) -> tuple[Hotfix, ...]:
    """Return the updates that packages belong to, and those of a Windows without packages, by their numbers."""

    def keyed(key: HiveKey) -> Hotfix | None:
        return (
            Hotfix(key.name.upper(), "installed")
            if KB.fullmatch(key.name) and key.number("Installed")
            else None
        )

    found = {one.kb: one for one in facts.each(OLD_HOTFIXES, keyed)}
    for package in packages:
        if not package.kb:
            continue
        old = found.get(package.kb)
        if old is None or _rank(package.state) < _rank(old.state):
            found[package.kb] = Hotfix(package.kb, package.state, package.installed)
    return tuple(found[kb] for kb in sorted(found))


def _rank(state: str) -> int:
    return FURTHEST.index(state) if state in FURTHEST else len(FURTHEST)


def read_features(facts: RegistryFacts) -> tuple[WindowsFeature, ...]:
    """Return optional features of which it is known whether they are on, then a server's roles and features."""

    def optional(key: HiveKey) -> WindowsFeature | None:
        selected = key.number("Selection")
        return None if selected is None else WindowsFeature(key.name, selected != 0, "optional-feature")

    def component(key: HiveKey) -> WindowsFeature | None:
        values = Values(key.values())
        state = values.number("InstallState")
        if state is None:
            return None
        return WindowsFeature(key.name, state == 1, "server-component", values.text("DisplayName"))

    return (*facts.each(OPTIONAL, optional), *facts.each(COMPONENTS, component))


def pending_updates(packages: Sequence[WindowsPackage]) -> tuple[str, ...]:
    """Return the names of the packages that are on their way in or out."""
    return tuple(one.name for one in packages if one.state in PENDING)


def pending_reboot(facts: RegistryFacts) -> tuple[str, ...]:
    """Return why Windows has something to do at its next start; nothing if it has not."""
    return tuple(_reasons(facts))


def _reasons(facts: RegistryFacts) -> Iterator[str]:
    for reason, keys in REBOOT_KEYS:
        if any(facts.key(name) is not None for name in keys):
            yield reason
    if any(facts.values(SESSION_MANAGER).data(name).strip(b"\0") for name in RENAMES):
        yield "file-renames"
    pending = join(facts.registry.systemroot, "WinSxS/pending.xml")
    if facts.attempt(lambda: facts.files.is_file(pending), False):
        yield "servicing-transaction"
    setup = facts.values(SETUP)
    if setup.number("SystemSetupInProgress") or setup.number("SetupType"):
        yield "setup"
    netlogon = facts.values(NETLOGON)
    if any(name in netlogon for name in ("JoinDomain", "AvoidSpnSet")):
        yield "domain-join"
