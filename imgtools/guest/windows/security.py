r"""What guards a Windows guest: firewall, programs against malware, group policy, BitLocker.

Firewall: [MS-GPFAS] and "Windows Firewall" (learn.microsoft.com), whose old StandardProfile is the private one.
Programs: what the Windows Security Center keeps of them; ``STATE`` has the bits of ``productState`` of
root\SecurityCenter2, of which Microsoft documents none: 0x1000, on, and 0x10, out of date, are what its own view shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from imgtools.engine.hive import HiveKey
from imgtools.guest.windows.facts import RegistryFacts, Values
from imgtools.guest.windows.registry import MACHINE
from imgtools.records.disks import Layout, Volume
from imgtools.records.packages import Application
from imgtools.records.windows import (
    Antivirus,
    BitLockerVolume,
    FirewallProfile,
    PolicyObject,
    WindowsFirewall,
    WindowsService,
)

SERVICES = rf"{MACHINE}\SYSTEM\CurrentControlSet\Services"
RULES = rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy"
POLICIES = rf"{MACHINE}\SOFTWARE\Policies\Microsoft"
FIREWALL_POLICY = rf"{POLICIES}\WindowsFirewall"
# Name, key of the setting, keys of the policy, the newer first.
FIREWALL_PROFILES = (
    ("domain", "DomainProfile", ("DomainProfile",)),
    ("private", "StandardProfile", ("PrivateProfile", "StandardProfile")),
    ("public", "PublicProfile", ("PublicProfile",)),
)
PROVIDERS = rf"{MACHINE}\SOFTWARE\Microsoft\Security Center\Provider\Av"
PRODUCT_ON, PRODUCT_OUT_OF_DATE = 0x1000, 0x10
DEFENDER = rf"{MACHINE}\SOFTWARE\Microsoft\Windows Defender"
DEFENDER_POLICY = rf"{POLICIES}\Windows Defender"
OFF = ("DisableAntiSpyware", "DisableAntiVirus")
# By their names: what virt-v2v warns of, because it may stop a guest on another hypervisor, and more of the kind.
KNOWN = re.compile(
    r"\b(?:anti-?\s?virus|avast|avira|avg technologies|bitdefender|clamav|clamwin|cortex xdr|crowdstrike|cylance|drweb"
    r"|eset|f-secure|g data|kaspersky|malwarebytes|mcafee|norton|panda security|sentinel agent|sophos|symantec"
    r"|trend micro|trellix|webroot|withsecure)\b",
    re.IGNORECASE,
)
HISTORY = rf"{MACHINE}\SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy\History"


def read_firewall(facts: RegistryFacts, services: Iterable[WindowsService]) -> WindowsFirewall:
    """Return whether the firewall is on, by kind of network. ``None`` there: neither setting nor policy says so."""
    # Windows Firewall is MpsSvc since Vista, and SharedAccess before.
    starts = {one.name.lower(): one.start for one in services}
    start = starts.get("mpssvc") or starts.get("sharedaccess", "")
    profiles = (_firewall_profile(facts, *names) for names in FIREWALL_PROFILES)
    return WindowsFirewall(start, tuple(profiles))


def _firewall_profile(
    facts: RegistryFacts, name: str, setting: str, policies: Sequence[str]
) -> FirewallProfile:
    for policy in policies:
        enabled = facts.values(rf"{FIREWALL_POLICY}\{policy}").flag("EnableFirewall")
        if enabled is not None:
            return FirewallProfile(name, enabled, policy=True)
    return FirewallProfile(name, facts.values(rf"{RULES}\{setting}").flag("EnableFirewall"))


# -- programs against malware ------------------------------------------------------------------------------------


class _Provider(NamedTuple):
    """What a program has told the Security Center of itself."""

    name: str
    state: int | None
    file: str

    @property
    def enabled(self) -> bool | None:
        return None if self.state is None else bool(self.state & PRODUCT_ON)

    @property
    def is_defender(self) -> bool:
        return "defender" in self.name.lower()


def read_antivirus(
    facts: RegistryFacts, services: Iterable[WindowsService], applications: Iterable[Application]
) -> tuple[Antivirus, ...]:
    """Return what the Security Center knows, Windows' own Defender, and programs known by their names."""
    providers = facts.each(PROVIDERS, _provider)
    found = [
        Antivirus(
            one.name,
            "security-center",
            one.enabled,
            None if one.state is None else not one.state & PRODUCT_OUT_OF_DATE,
            file=one.file,
        )
        for one in providers
        if not one.is_defender
    ]
    found += _defender(facts, services, providers)
    names = {one.name.lower() for one in found}
    for application in applications:
        name = application.display_name or application.name
        known = KNOWN.search(f"{name} {application.publisher}")
        if known and name.lower() not in names and not any(known[0].lower() in other for other in names):
            found.append(Antivirus(name, "application"))
            names.add(name.lower())
    return tuple(found)


def _provider(key: HiveKey) -> _Provider | None:
    values = Values(key.values())
    name = values.text("DISPLAYNAME")
    return _Provider(name, values.number("STATE"), values.text("PRODUCTEXE")) if name else None


def _defender(
    facts: RegistryFacts, services: Iterable[WindowsService], providers: Sequence[_Provider]
) -> Iterator[Antivirus]:
    """Yield Microsoft Defender, if its service is there.

    It is off by its policy, its setting or its service; else as the Security Center says. Where that says nothing, and
    another program is on, it may be passive.
    """
    service = next((one for one in services if one.name.lower() == "windefend"), None)
    if service is None:
        return
    policy, own = facts.values(DEFENDER_POLICY), facts.values(DEFENDER)
    off = service.start == "disabled" or any(place.number(name) for place in (policy, own) for name in OFF)
    monitors = (
        facts.values(rf"{place}\Real-Time Protection").number("DisableRealtimeMonitoring")
        for place in (DEFENDER_POLICY, DEFENDER)
    )
    enabled: bool | None = not off and not any(monitors)
    told = next((one.enabled for one in providers if one.is_defender), None)
    if enabled and told is not None:
        enabled = told
    elif enabled and any(one.enabled is not False for one in providers):
        enabled = None
    version = facts.text(rf"{DEFENDER}\Signature Updates", "AVSignatureVersion")
    yield Antivirus("Microsoft Defender", "defender", enabled, version=version, file=service.file)


# -- policy --------------------------------------------------------------------------------------------------------


def read_policies(facts: RegistryFacts) -> tuple[PolicyObject, ...]:
    """Return the group policy objects that were applied to the machine, each once."""
    found: dict[str, PolicyObject] = {}
    for extension in facts.subkeys(HISTORY):
        for one in facts.each(rf"{HISTORY}\{extension}", _policy):
            found.setdefault(one.id or one.name, one)
    return tuple(found.values())


def _policy(key: HiveKey) -> PolicyObject | None:
    values = Values(key.values())
    name, identity = values.text("DisplayName"), values.text("GPOName")
    if not name and not identity:
        return None
    return PolicyObject(name, identity, values.text("Link", "GPOLink"), values.number("Version"))


# -- BitLocker ------------------------------------------------------------------------------------------------------


def bitlocker_volumes(
    layout: Layout, drives: Iterable[tuple[str, str]], others: Iterable[str] = ()
) -> tuple[BitLockerVolume, ...]:
    """Return the volumes that BitLocker encrypts.

    :param drives: letters and devices of the guest.
    :param others: devices that other guests of the image mount; volumes of those are theirs.
    """
    letters = {device: letter for letter, device in drives}
    theirs = set(others)
    found = []
    for volume in layout.volumes:
        if volume.content != "BitLocker":
            continue
        opened = [one.device for one in layout.volumes if volume.device in one.parents]
        if not theirs.intersection((volume.device, *opened)):
            found.append(_bitlocker(volume, opened, letters))
    return tuple(found)


def _bitlocker(volume: Volume, opened: Sequence[str], letters: dict[str, str]) -> BitLockerVolume:
    letter = next((letters[device] for device in (volume.device, *opened) if device in letters), "")
    return BitLockerVolume(volume.device, bool(opened), letter)
