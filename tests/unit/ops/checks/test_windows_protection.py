"""Checks of what protects a Windows guest and keeps it up to date: what each finds, and where it is silent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.ops.check import check
from tests.support.checks import Case, audited, chosen, hold, places, report_of
from tests.support.hives import Keys
from tests.support.memory import memory_volume
from tests.support.windows_checks import Tree, case

SERVICES = r"CCS\Services"
FIREWALL = rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy"
FIREWALL_POLICY = r"Policies\Microsoft\WindowsFirewall"
DEFENDER = r"Microsoft\Windows Defender"
UPDATE = r"Policies\Microsoft\Windows\WindowsUpdate"
PACKAGES = r"Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages"
MSMPENG: Keys = {rf"{SERVICES}\WinDefend": {"Type": 0x10, "Start": 2, "ImagePath": r"C:\Windows\MsMpEng.exe"}}


def service(name: str, path: str, start: int = 2, kind: int = 0x10) -> Keys:
    """A service with a program."""
    return {rf"{SERVICES}\{name}": {"Type": kind, "Start": start, "ImagePath": path}}


def package(day: int, state: int = 0x70) -> Keys:
    """An update that was installed at this day of 2026."""
    ticks = 116_444_736_000_000_000 + (20_454 + day) * 864_000_000_000  # 2026-01-01 is day 20454 since 1970
    times = {"InstallTimeHigh": ticks >> 32, "InstallTimeLow": ticks & 0xFFFFFFFF}
    return {rf"{PACKAGES}\Package_for_RollupFix~{day}": {"CurrentState": state, **times}}


def answers(value: str, tag: str = "AdministratorPassword") -> str:
    """A file of answers with a password."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<unattend xmlns="urn:schemas-microsoft-com:unattend">'
        '<settings pass="oobeSystem"><component name="Microsoft-Windows-Shell-Setup"><UserAccounts>'
        f"<{tag}><Value>{value}</Value><PlainText>true</PlainText></{tag}></UserAccounts></component></settings></unattend>"
    )


CASES = (
    case(
        "windows-firewall",
        Tree(
            {
                rf"{FIREWALL}\PublicProfile": {"EnableFirewall": 0},
                rf"{FIREWALL}\StandardProfile": {"EnableFirewall": 1},
            },
            {rf"{FIREWALL_POLICY}\PrivateProfile": {"EnableFirewall": 0}},
        ),
        rf"SOFTWARE {FIREWALL_POLICY}\PrivateProfile\EnableFirewall",
        rf"SYSTEM {FIREWALL}\PublicProfile\EnableFirewall",
        good=Tree(
            {rf"{FIREWALL}\PublicProfile": {"EnableFirewall": 0}},
            {rf"{FIREWALL_POLICY}\PublicProfile": {"EnableFirewall": 1}},
        ),
    ),
    case(
        "windows-firewall",
        Tree({rf"{SERVICES}\MpsSvc": {"Type": 0x20, "Start": 4}}),
        rf"SYSTEM {SERVICES}\MpsSvc\Start",
        good=Tree({rf"{SERVICES}\MpsSvc": {"Type": 0x20, "Start": 2}}),
        fixed=False,
    ),
    case(
        "windows-defender",
        Tree(
            MSMPENG,
            {
                DEFENDER: {"DisableAntiVirus": 1},
                rf"{DEFENDER}\Real-Time Protection": {"DisableRealtimeMonitoring": 1},
            },
        ),
        rf"SOFTWARE {DEFENDER}\DisableAntiVirus",
        rf"SOFTWARE {DEFENDER}\Real-Time Protection\DisableRealtimeMonitoring",
        good=Tree(MSMPENG, {DEFENDER: {"DisableAntiVirus": 0}}),
    ),
    case(
        "windows-defender-exclusions",
        Tree(software={rf"{DEFENDER}\Exclusions\Paths": {"C:\\": 0, r"D:\db": 0, r"D:\ok": 0}}),
        rf"SOFTWARE {DEFENDER}\Exclusions\Paths" + "\\C:\\",
        rf"SOFTWARE {DEFENDER}\Exclusions\Paths\D:\db",
        good=Tree(software={rf"{DEFENDER}\Exclusions\Paths": {r"d:\OK": 0}}),
        fixed=False,
        set={"allow": r"D:\ok"},
    ),
    case(
        "windows-updates-age",
        Tree(software={**package(90), **package(200, 0x50)}),
        "/Windows/System32/config/SOFTWARE the last update",
        good=Tree(software=package(91)),
        fixed=False,
    ),
    case(
        "windows-updates-pending",
        Tree(
            software={
                **package(90, 0x60),
                r"Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired": {},
            }
        ),
        "/Windows/System32/config/SOFTWARE restart",
        "/Windows/System32/config/SOFTWARE Package_for_RollupFix~90",
        good=Tree(software=package(90)),
        fixed=False,
    ),
    case(
        "windows-updates-automatic",
        Tree(
            software={
                rf"{UPDATE}\AU": {"NoAutoUpdate": 1, "AUOptions": 2, "UseWUServer": 1},
                UPDATE: {"WUServer": "http://wsus:8530"},
            }
        ),
        rf"SOFTWARE {UPDATE}\AU\NoAutoUpdate",
        rf"SOFTWARE {UPDATE}\AU\AUOptions",
        rf"SOFTWARE {UPDATE}\WUServer",
        good=Tree(
            software={
                rf"{UPDATE}\AU": {"AUOptions": 3, "UseWUServer": 1},
                UPDATE: {"WUServer": "https://wsus:8531"},
            }
        ),
        fixed=False,
    ),
    case(
        "windows-answer-files",
        Tree(
            files={
                "/Windows/Panther/unattend.xml": answers("geheim"),
                "/sysprep.inf": "[GuiUnattended]\r\nAdminPassword=geheim\r\nOEMSkip=1\r\n",
            }
        ),
        "/Windows/Panther/unattend.xml component/UserAccounts/AdministratorPassword/Value",
        "/sysprep.inf AdminPassword",
        good=Tree(
            files={
                "/Windows/Panther/unattend.xml": answers("*SENSITIVE*DATA*DELETED*"),
                "/autounattend.xml": answers(""),
                "/sysprep.inf": "[GuiUnattended]\nAdminPassword=*\n",
            }
        ),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


def test_a_firewall_that_would_cut_off_remote_desktop_is_not_turned_on() -> None:
    off: Keys = {
        rf"{FIREWALL}\PublicProfile": {"EnableFirewall": 0},
        r"CCS\Control\Terminal Server": {"fDenyTSConnections": 0},
    }
    rule = "v2.31|Action=Allow|Active={}|Dir=In|Protocol=6|LPort=3389|"
    for active, is_fixable in (("FALSE", False), ("TRUE", True)):
        tree = Tree({**off, rf"{FIREWALL}\FirewallRules": {"RemoteDesktop-In": rule.format(active)}})
        (finding,) = report_of(case("windows-firewall", tree), tree).findings
        assert finding.fixable is is_fixable and ("Remote Desktop" in finding.advice) is not is_fixable


def test_a_firewall_that_would_cut_off_a_service_is_not_turned_on() -> None:
    off = {
        rf"{FIREWALL}\PublicProfile": {"EnableFirewall": 0},
        **service("web", r"C:\Program Files\web\web.exe"),
    }
    rule = {"x": r"v2.31|Action=Allow|Active=TRUE|Dir=In|App=%ProgramFiles%\..\Program Files\web\web.exe|"}
    for rules, is_fixable in (({}, False), (rule, True)):
        tree = Tree({**off, rf"{FIREWALL}\FirewallRules": rules})
        (finding,) = report_of(case("windows-firewall", tree), tree).findings
        assert finding.fixable is is_fixable


def test_defender_steps_aside_for_another() -> None:
    other = {r"Microsoft\Windows\CurrentVersion\Uninstall\S": {"DisplayName": "Sophos Anti-Virus"}}
    asked = case("windows-defender", Tree(MSMPENG, {**other, DEFENDER: {"DisableAntiSpyware": 1}}))
    assert report_of(asked, asked.bad).result == "not applicable"


def test_a_windows_without_defender_is_not_known() -> None:
    asked = case("windows-defender", Tree())
    assert report_of(asked, asked.bad).result == "not decidable offline"


def test_no_password_of_answers_is_told_and_the_file_stays_one_of_answers() -> None:
    from imgtools.guest.windows.answer_secrets import DELETED, without_secrets

    asked = next(one for one in CASES if one.id == "windows-answer-files")
    assert "geheim" not in repr(report_of(asked, asked.bad))
    after = without_secrets(answers("geheim").encode("utf-8"), "/unattend.xml")
    assert b"geheim" not in after and DELETED.encode() in after
    assert b'<unattend xmlns="urn:schemas-microsoft-com:unattend">' in after


@pytest.mark.parametrize(
    "content",
    ["<unattend>", '<!DOCTYPE x [<!ENTITY a "b">]><x/>', "x" * ((1 << 20) + 1)],
    ids=["cut", "type", "long"],
)
def test_answers_that_cannot_be_read_are_an_error(content: str) -> None:
    asked = case("windows-answer-files", Tree(files={"/unattend.xml": content}))
    assert report_of(asked, asked.bad).result == "error"


def test_passwords_of_group_policies_preferences_are_found() -> None:
    path = "/ProgramData/Microsoft/Group Policy/History/{1}/Machine/Preferences/Groups/Groups.xml"
    text = '<Groups><User name="x"><Properties cpassword="j1Uyj3Vx8TY9LtLZil2uAuZkFQA" userName="a"/></User></Groups>'
    asked = case("windows-answer-files", Tree(files={path: text}), f"{path} Groups/User/Properties")
    hold(asked)


def test_answers_that_setup_still_needs_are_left() -> None:
    state = {
        r"Microsoft\Windows\CurrentVersion\Setup\State": {
            "ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
        }
    }
    tree = Tree(software=state, files={"/Windows/Panther/unattend.xml": answers("geheim")})
    (finding,) = report_of(case("windows-answer-files", tree), tree).findings
    assert not finding.fixable and "setup" in finding.advice


def test_a_volume_counts_as_encrypted_if_it_lies_in_one_that_is() -> None:
    asked = case("windows-bitlocker", Tree())
    assert places(report_of(asked, asked.bad)) == ("/dev/sda2",)
    examined = audited(asked.bad, **asked.os)
    locked = memory_volume("/dev/sda2", "BitLocker")
    inner = replace(examined.system.root, device="/dev/mapper/c", parents=("/dev/sda2",))
    layout = replace(examined.layout, volumes=(locked, inner))
    opened = replace(examined, layout=layout, guest=replace(examined.system, root=inner), _facts={})
    assert check(opened, chosen(asked)).report.result == "pass"
    beside = replace(
        opened, layout=replace(layout, volumes=(replace(locked, device="/dev/sda9"), inner)), _facts={}
    )
    assert check(beside, chosen(asked)).report.result == "fail"


def test_a_client_that_depends_on_smb_1_alone_is_not_broken() -> None:
    keys: Keys = {
        r"CCS\Services\mrxsmb10": {"Type": 2, "Start": 2},
        r"CCS\Services\LanmanWorkstation": {"DependOnService": ["mrxsmb10"]},
    }
    asked = case("windows-smb1-client", Tree(keys))
    (finding,) = report_of(asked, asked.bad).findings
    assert not finding.fixable and finding.advice
