"""Firewall, programs against malware, group policy, BitLocker."""

from __future__ import annotations

import pytest

from imgtools.guest.windows.security import (
    bitlocker_volumes,
    read_antivirus,
    read_firewall,
    read_policies,
)
from imgtools.guest.windows.services import read_services
from imgtools.records.disks import Holder, Layout, Volume
from imgtools.records.packages import Application
from imgtools.records.windows import (
    Antivirus,
    BitLockerVolume,
    FirewallProfile,
    PolicyObject,
    WindowsFirewall,
)
from tests.support.hives import Keys
from tests.support.windows import windows_facts

SERVICES = r"ControlSet002\Services"
RULES = rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy"
POLICY = r"Policies\Microsoft\WindowsFirewall"


def firewall(system: Keys, software: Keys | None = None) -> WindowsFirewall:
    with windows_facts(software, system) as facts:
        return read_firewall(facts, read_services(facts))


def test_the_firewall_by_kinds_of_networks() -> None:
    found = firewall(
        {
            rf"{RULES}\DomainProfile": {"EnableFirewall": 1},
            rf"{RULES}\StandardProfile": {"EnableFirewall": 0},
            rf"{SERVICES}\MpsSvc": {"Type": 0x20, "Start": 4},
        }
    )
    assert found == WindowsFirewall(
        "disabled",
        (FirewallProfile("domain", True), FirewallProfile("private", False), FirewallProfile("public", None)),
    )


@pytest.mark.parametrize("name", ["PrivateProfile", "StandardProfile"])
def test_a_policy_counts_before_the_setting(name: str) -> None:
    found = firewall(
        {rf"{RULES}\StandardProfile": {"EnableFirewall": 1}}, {rf"{POLICY}\{name}": {"EnableFirewall": 0}}
    )
    assert found.profiles[1] == FirewallProfile("private", False, policy=True)


# -- programs against malware ------------------------------------------------------------------------------------

DEFENDER: Keys = {rf"{SERVICES}\WinDefend": {"Type": 0x10, "Start": 2, "ImagePath": r"C:\MsMpEng.exe"}}


def antivirus(
    software: Keys, system: Keys, applications: tuple[Application, ...] = ()
) -> tuple[Antivirus, ...]:
    with windows_facts(software, system) as facts:
        return read_antivirus(facts, read_services(facts), applications)


@pytest.mark.parametrize(
    ("software", "enabled"),
    [
        ({}, True),
        ({r"Microsoft\Windows Defender": {"DisableAntiSpyware": 1}}, False),
        ({r"Policies\Microsoft\Windows Defender": {"DisableAntiVirus": 1}}, False),
        ({r"Microsoft\Windows Defender\Real-Time Protection": {"DisableRealtimeMonitoring": 1}}, False),
        (
            {r"Policies\Microsoft\Windows Defender\Real-Time Protection": {"DisableRealtimeMonitoring": 1}},
            False,
        ),
        ({r"Microsoft\Windows Defender": {"DisableAntiSpyware": 0}}, True),
    ],
)
def test_defender(software: Keys, enabled: bool) -> None:
    signatures: Keys = {r"Microsoft\Windows Defender\Signature Updates": {"AVSignatureVersion": "1.405"}}
    assert antivirus(dict(software) | dict(signatures), DEFENDER) == (
        Antivirus("Microsoft Defender", "defender", enabled, version="1.405", file="/MsMpEng.exe"),
    )


@pytest.mark.parametrize(
    ("providers", "enabled"),
    [
        ({"Windows Defender": 0x61100}, True),
        ({"Windows Defender": 0x60100}, False),
        ({"Windows Defender": 0x60100, "Other": 0x41000}, False),
        ({"Other": 0x41000}, None),  # Defender steps back for another program, or is told not to
        ({"Other": 0x40000}, True),
    ],
)
def test_defender_as_the_security_center_sees_it(providers: dict[str, int], enabled: bool | None) -> None:
    keys: Keys = {
        rf"Microsoft\Security Center\Provider\Av\{{{name}}}": {"DISPLAYNAME": name, "STATE": state}
        for name, state in providers.items()
    }
    (found,) = [one for one in antivirus(keys, DEFENDER) if one.source == "defender"]
    assert found.enabled is enabled


def test_defender_whose_service_is_disabled_or_missing() -> None:
    (off,) = antivirus({}, {rf"{SERVICES}\WinDefend": {"Type": 0x10, "Start": 4}})
    assert off.enabled is False
    assert antivirus({r"Microsoft\Windows Defender": {"DisableAntiVirus": 0}}, {}) == ()


def test_what_the_security_center_knows_and_what_is_known_by_its_name() -> None:
    place = r"Microsoft\Security Center\Provider\Av"
    software: Keys = {
        rf"{place}\{{1}}": {"DISPLAYNAME": "Kaspersky", "STATE": 0x41010, "PRODUCTEXE": r"C:\k.exe"},
        rf"{place}\{{2}}": {"DISPLAYNAME": "Windows Defender", "STATE": 0x61100},
        rf"{place}\{{3}}": {"DISPLAYNAME": "Snoozing", "STATE": 0x40000},
        rf"{place}\{{4}}": {"STATE": 0x41000},
    }
    programs = (
        Application("k", display_name="Kaspersky Endpoint Security"),  # the Security Center has told of it
        Application("s", display_name="Endpoint Agent", publisher="Sophos Limited"),
        Application("n", display_name="Notepad++"),
        Application("e", display_name="Resetter"),
    )
    found = antivirus(software, {}, programs)
    assert [(one.name, one.source, one.enabled, one.up_to_date) for one in found] == [
        ("Kaspersky", "security-center", True, False),
        ("Snoozing", "security-center", False, True),
        ("Endpoint Agent", "application", None, None),
    ]


# -- policy, BitLocker ----------------------------------------------------------------------------------------------


def test_policies_that_were_applied_each_once() -> None:
    history = r"Microsoft\Windows\CurrentVersion\Group Policy\History"
    one = {"DisplayName": "Default Domain Policy", "GPOName": "{31B2}", "Link": "LDAP://DC=x", "Version": 3}
    keys: Keys = {
        rf"{history}\{{A}}\0": one,
        rf"{history}\{{B}}\0": one,
        rf"{history}\{{B}}\1": {"DisplayName": "Local Group Policy", "GPOName": "Local Group Policy"},
        rf"{history}\{{B}}\2": {},
    }
    with windows_facts(keys) as facts:
        found = read_policies(facts)
    assert found == (
        PolicyObject("Default Domain Policy", "{31B2}", "LDAP://DC=x", 3),
        PolicyObject("Local Group Policy", "Local Group Policy"),
    )


def volume(device: str, content: str, *parents: str) -> Volume:
    return Volume(device, Holder.CRYPT if parents else Holder.PARTITION, 1 << 20, content, parents=parents)


def test_volumes_of_bitlocker_locked_and_opened() -> None:
    layout = Layout(
        (),
        volumes=(
            volume("/dev/sda1", "ntfs"),
            volume("/dev/sda2", "BitLocker"),
            volume("/dev/mapper/bek", "ntfs", "/dev/sda2"),
            volume("/dev/sdb1", "BitLocker"),
        ),
    )
    drives = (("C", "/dev/mapper/bek"), ("D", "/dev/sdb1"))
    assert bitlocker_volumes(layout, drives) == (
        BitLockerVolume("/dev/sda2", True, "C"),
        BitLockerVolume("/dev/sdb1", False, "D"),
    )
    assert [one.device for one in bitlocker_volumes(layout, (), others=["/dev/mapper/bek"])] == ["/dev/sdb1"]
