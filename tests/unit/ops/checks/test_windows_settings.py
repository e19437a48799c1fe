"""Checks of single settings of Windows: what each finds, where it is silent, and after its fix; defaults by release."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.checks import Case, hold, places, report_of
from tests.support.hives import Keys
from tests.support.windows_checks import CLIENT, SERVER, Tree, case, place

SYSTEM_POLICIES = r"Microsoft\Windows\CurrentVersion\Policies\System"
EXPLORER = r"Microsoft\Windows\CurrentVersion\Policies\Explorer"
LSA, LANMAN = r"CCS\Control\Lsa", r"CCS\Services\LanmanServer"
CLIENT_SIDE = r"CCS\Services\LanmanWorkstation\Parameters"
RDP = r"CCS\Control\Terminal Server\WinStations\RDP-Tcp"
RDP_ON: Keys = {r"CCS\Control\Terminal Server": {"fDenyTSConnections": 0}}
RDP_POLICY = r"Policies\Microsoft\Windows NT\Terminal Services"
SERVES: Keys = {LANMAN: {"Type": 0x20, "Start": 2}}
TLS = r"CCS\Control\SecurityProviders\SCHANNEL\Protocols"
EDITION = r"Microsoft\Windows NT\CurrentVersion"
ENTERPRISE: Keys = {EDITION: {"EditionID": "Enterprise"}}
POINT_AND_PRINT = r"Policies\Microsoft\Windows NT\Printers\PointAndPrint"
BLOCK_LOGGING = r"Policies\Microsoft\Windows\PowerShell\ScriptBlockLogging"
SPOKEN = {
    rf"{TLS}\{protocol}\{side}": {"Enabled": 0}
    for protocol in ("TLS 1.0", "TLS 1.1")
    for side in ("Server", "Client")
}
WINRM: Keys = {r"CCS\Services\WinRM": {"Type": 0x20, "Start": 2}}
WSMAN = r"Microsoft\Windows\CurrentVersion\WSMAN"
WINRM_POLICY = r"Policies\Microsoft\Windows\WinRM"
LOG = r"CCS\Services\EventLog"


def one(
    id: str, hive: str, key: str, name: str, bad: int | str | None, good: int | str | None, **more: Any
) -> Case:
    """A case about one value; None: it is not set. ``besides``, ``with_software``: further keys of the two hives."""
    system: Keys = more.pop("besides", {})
    software: Keys = more.pop("with_software", {})

    def tree(found: int | str | None) -> Tree:
        said: Keys = {key: {name: found}} if found is not None else {}
        return Tree({**system, **said}, software) if hive == "SYSTEM" else Tree(system, {**software, **said})

    return case(id, tree(bad), rf"{hive} {key}\{name}", good=tree(good), **more)


CASES = (
    one("windows-uac", "SOFTWARE", SYSTEM_POLICIES, "EnableLUA", 0, 1),
    one("windows-uac-prompt", "SOFTWARE", SYSTEM_POLICIES, "ConsentPromptBehaviorAdmin", 0, 1),
    one("windows-uac-prompt", "SOFTWARE", SYSTEM_POLICIES, "PromptOnSecureDesktop", 0, None),
    one(
        "windows-uac-remote", "SOFTWARE", SYSTEM_POLICIES, "LocalAccountTokenFilterPolicy", 1, 0, fixed=False
    ),
    one("windows-lm-hash", "SYSTEM", LSA, "NoLMHash", 0, 1),
    one("windows-lm-level", "SYSTEM", LSA, "LmCompatibilityLevel", 2, 5),
    one("windows-lm-level", "SYSTEM", LSA, "LmCompatibilityLevel", None, 5),
    one("windows-lm-level", "SYSTEM", LSA, "LmCompatibilityLevel", 2, None, set={"level": "3"}),
    case(
        "windows-anonymous",
        Tree({LSA: {"RestrictAnonymousSAM": 0, "EveryoneIncludesAnonymous": 1}}),
        rf"SYSTEM {LSA}\RestrictAnonymousSAM",
        rf"SYSTEM {LSA}\RestrictAnonymous",
        rf"SYSTEM {LSA}\EveryoneIncludesAnonymous",
        good=Tree({LSA: {"RestrictAnonymous": 1}}),
    ),
    one("windows-wdigest", "SYSTEM", r"CCS\Control\SecurityProviders\WDigest", "UseLogonCredential", 1, None),
    one("windows-rdp-nla", "SYSTEM", RDP, "UserAuthentication", 0, 1, besides=RDP_ON),
    case(
        "windows-rdp-nla",
        Tree({**RDP_ON, RDP: {"UserAuthentication": 1}}, {RDP_POLICY: {"UserAuthentication": 0}}),
        rf"SOFTWARE {RDP_POLICY}\UserAuthentication",
        good=Tree({RDP: {"UserAuthentication": 0}}),
    ),
    one("windows-rdp-encryption", "SYSTEM", RDP, "SecurityLayer", 0, 1, besides=RDP_ON),
    one("windows-rdp-encryption", "SYSTEM", RDP, "MinEncryptionLevel", 1, 2, besides=RDP_ON),
    one("windows-smb1-server", "SYSTEM", rf"{LANMAN}\Parameters", "SMB1", 1, 0, besides=SERVES),
    one(
        "windows-smb-signing-server",
        "SYSTEM",
        rf"{LANMAN}\Parameters",
        "RequireSecuritySignature",
        None,
        1,
        besides=SERVES,
    ),
    one("windows-smb-signing-client", "SYSTEM", CLIENT_SIDE, "RequireSecuritySignature", 0, 1),
    one(
        "windows-smb-client", "SYSTEM", CLIENT_SIDE, "EnablePlainTextPassword", 1, 0, with_software=ENTERPRISE
    ),
    one("windows-smb-client", "SYSTEM", CLIENT_SIDE, "AllowInsecureGuestAuth", None, 0),
    one("windows-ldap-signing", "SYSTEM", r"CCS\Services\LDAP", "LDAPClientIntegrity", 0, None),
    case(
        "windows-ntlm-sessions",
        Tree({rf"{LSA}\MSV1_0": {"NTLMMinServerSec": 0x20000000, "NTLMMinClientSec": 0x20080000}}),
        rf"SYSTEM {LSA}\MSV1_0\NTLMMinServerSec",
        good=Tree({rf"{LSA}\MSV1_0": {"NTLMMinServerSec": 0x20080030, "NTLMMinClientSec": 0x20080000}}),
    ),
    one("windows-domain-channel", "SYSTEM", r"CCS\Services\Netlogon\Parameters", "RequireSignOrSeal", 0, 1),
    one(
        "windows-domain-channel",
        "SYSTEM",
        r"CCS\Services\Netlogon\Parameters",
        "DisablePasswordChange",
        1,
        None,
    ),
    one("windows-powershell-logging", "SOFTWARE", BLOCK_LOGGING, "EnableScriptBlockLogging", None, 1),
    one("windows-autoplay", "SOFTWARE", EXPLORER, "NoDriveTypeAutoRun", 0x91, 0xFF),
    one("windows-autoplay", "SOFTWARE", EXPLORER, "NoDriveTypeAutoRun", None, 0x3FF),
    one("windows-llmnr", "SOFTWARE", r"Policies\Microsoft\Windows NT\DNSClient", "EnableMulticast", None, 0),
    one(
        "windows-print-drivers",
        "SOFTWARE",
        POINT_AND_PRINT,
        "RestrictDriverInstallationToAdministrators",
        0,
        1,
    ),
    one("windows-print-drivers", "SOFTWARE", POINT_AND_PRINT, "NoWarningNoElevationOnInstall", 1, None),
    one(
        "windows-smartscreen", "SOFTWARE", r"Policies\Microsoft\Windows\System", "EnableSmartScreen", 0, None
    ),
    one("windows-dll-search", "SYSTEM", r"CCS\Control\Session Manager", "SafeDllSearchMode", 0, 1),
    one(
        "windows-null-session-access",
        "SYSTEM",
        rf"{LANMAN}\Parameters",
        "RestrictNullSessAccess",
        0,
        1,
        besides=SERVES,
    ),
    case(
        "windows-null-sessions",
        Tree(
            {
                **SERVES,
                rf"{LANMAN}\Parameters": {"NullSessionShares": ["pub"], "NullSessionPipes": ["x", "y"]},
            }
        ),
        rf"SYSTEM {LANMAN}\Parameters\NullSessionShares",
        rf"SYSTEM {LANMAN}\Parameters\NullSessionPipes",
        good=Tree({**SERVES, rf"{LANMAN}\Parameters": {"NullSessionPipes": []}}),
    ),
    one("windows-screen-lock", "SOFTWARE", SYSTEM_POLICIES, "InactivityTimeoutSecs", 901, 900),
    one("windows-screen-lock", "SOFTWARE", SYSTEM_POLICIES, "InactivityTimeoutSecs", 0, 1),
    case(
        "windows-screen-lock",
        Tree(user={r"Control Panel\Desktop": {"ScreenSaveActive": "1", "ScreenSaveTimeOut": "600"}}),
        rf"SOFTWARE {SYSTEM_POLICIES}\InactivityTimeoutSecs",
        good=Tree(
            user={
                r"Control Panel\Desktop": {
                    "ScreenSaveActive": "1",
                    "ScreenSaverIsSecure": "1",
                    "ScreenSaveTimeOut": "900",
                }
            }
        ),
    ),
    one(
        "windows-script-host",
        "SOFTWARE",
        r"Microsoft\Windows Script Host\Settings",
        "Enabled",
        None,
        0,
        fixed=False,
    ),
    one("windows-lsa-protection", "SYSTEM", LSA, "RunAsPPL", 0, 1),
    one("windows-lsa-protection", "SYSTEM", LSA, "RunAsPPL", 0, 2, os={**CLIENT, "build_id": "22621"}),
    one(
        "windows-lsa-protection",
        "SYSTEM",
        LSA,
        "RunAsPPL",
        0,
        1,
        besides={rf"{LSA}\OSConfig": {"Security Packages": ["foreign"]}},
        fixed=False,
    ),
    one(
        "windows-credential-guard", "SYSTEM", LSA, "LsaCfgFlags", 0, 1, with_software=ENTERPRISE, fixed=False
    ),
    case(
        "windows-tls",
        Tree(
            {
                **SPOKEN,
                rf"{TLS}\TLS 1.0\Client": {"Enabled": 0xFFFFFFFF},
                rf"{TLS}\SSL 3.0\Server": {"Enabled": 1},
            }
        ),
        rf"SYSTEM {TLS}\SSL 3.0\Server",
        rf"SYSTEM {TLS}\TLS 1.0\Client",
        good=Tree({**SPOKEN, rf"{TLS}\TLS 1.1\Client": {"DisabledByDefault": 1}}),
    ),
    case(
        "windows-tls",
        Tree(SPOKEN),
        rf"SYSTEM {TLS}\SSL 3.0\Server",
        rf"SYSTEM {TLS}\SSL 3.0\Client",
        good=Tree({**SPOKEN, **{rf"{TLS}\SSL 3.0\{side}": {"Enabled": 0} for side in ("Server", "Client")}}),
        os={**CLIENT, "build_id": "10586"},
    ),
    case(
        "windows-winrm",
        Tree(
            WINRM,
            {
                rf"{WSMAN}\Service": {"allow_unencrypted": 1},
                rf"{WINRM_POLICY}\Client": {"AllowUnencryptedTraffic": 1},
            },
        ),
        rf"SOFTWARE {WSMAN}\Service\allow_unencrypted",
        rf"SOFTWARE {WINRM_POLICY}\Client\AllowUnencryptedTraffic",
        good=Tree({}, {rf"{WSMAN}\Service": {"allow_unencrypted": 1}}),
    ),
    one("windows-winrm", "SOFTWARE", rf"{WSMAN}\Service", "auth_basic", 1, 0, besides=WINRM, fixed=False),
    case(
        "windows-smb1-client",
        Tree(
            {
                r"CCS\Services\mrxsmb10": {"Type": 2, "Start": 2},
                r"CCS\Services\LanmanWorkstation": {
                    "DependOnService": ["Bowser", "MRxSmb10", "MRxSmb20", "NSI"]
                },
            }
        ),
        "/Windows/System32/config/SYSTEM mrxsmb10",
        good=Tree({r"CCS\Services\mrxsmb10": {"Type": 2, "Start": 4}}),
    ),
    case(
        "windows-netbios",
        Tree(
            {
                r"CCS\Services\NetBT": {"Type": 1, "Start": 1},
                r"CCS\Services\NetBT\Parameters\Interfaces\Tcpip_{1}": {"NetbiosOptions": 0},
            }
        ),
        r"SYSTEM CCS\Services\NetBT\Parameters\Interfaces\Tcpip_{1}\NetbiosOptions",
        good=Tree(
            {
                r"CCS\Services\NetBT": {"Type": 1, "Start": 1},
                r"CCS\Services\NetBT\Parameters\Interfaces\Tcpip_{1}": {"NetbiosOptions": 2},
            }
        ),
        fixed=False,
    ),
    case(
        "windows-event-logs",
        Tree(
            {
                rf"{LOG}\Security": {"MaxSize": (196_608 << 10) - 1},
                rf"{LOG}\System": {"MaxSize": 32_768 << 10},
            },
            {r"Policies\Microsoft\Windows\EventLog\Application": {"MaxSize": 32_767}},
        ),
        rf"SYSTEM {LOG}\Security\MaxSize",
        r"SOFTWARE Policies\Microsoft\Windows\EventLog\Application\MaxSize",
        good=Tree(
            {rf"{LOG}\{name}": {"MaxSize": 196_608 << 10} for name in ("Security", "System", "Application")}
        ),
    ),
    case(
        "windows-remote-registry",
        Tree({r"CCS\Services\RemoteRegistry": {"Type": 0x20, "Start": 2}}),
        r"SYSTEM CCS\Services\RemoteRegistry\Start",
        good=Tree({r"CCS\Services\RemoteRegistry": {"Type": 0x20, "Start": 4}}),
        fixed=False,
    ),
    case(
        "windows-print-spooler",
        Tree({r"CCS\Services\Spooler": {"Type": 0x110, "Start": 2}}),
        r"SYSTEM CCS\Services\Spooler\Start",
        good=Tree({r"CCS\Services\Spooler": {"Type": 0x110, "Start": 4}}),
        fixed=False,
        os=SERVER,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


# Check, build, whether it is a server, edition: what an unset value gives.
DEFAULTS = (
    ("windows-wdigest", "9200", False, "", "fail"),
    ("windows-wdigest", "9600", False, "", "pass"),
    ("windows-wdigest", "", False, "", "not decidable offline"),
    ("windows-lm-hash", "2600", False, "", "fail"),
    ("windows-lm-hash", "6000", False, "", "pass"),
    ("windows-uac", "3790", True, "", "not applicable"),
    ("windows-uac", "", False, "", "pass"),
    ("windows-smb-signing-client", "26100", False, "Professional", "pass"),
    ("windows-smb-signing-client", "26100", False, "Core", "fail"),
    ("windows-smb-signing-client", "26100", True, "ServerStandard", "pass"),
    ("windows-smb-client", "16298", False, "Professional", "not applicable"),
    ("windows-smb-client", "16299", False, "Professional", "fail"),
    ("windows-smb-client", "16299", False, "Education", "pass"),
    ("windows-smb-client", "26100", False, "Professional", "pass"),
    ("windows-lsa-protection", "9599", False, "", "not applicable"),
    ("windows-lsa-protection", "22621", False, "", "not decidable offline"),
    ("windows-lsa-protection", "26100", True, "", "fail"),
    ("windows-credential-guard", "22621", False, "Enterprise", "not decidable offline"),
    ("windows-credential-guard", "22621", False, "Professional", "not applicable"),
    ("windows-credential-guard", "14393", False, "Education", "fail"),
    ("windows-tls", "26100", False, "", "not decidable offline"),
    ("windows-tls", "20348", True, "", "fail"),
    ("windows-rdp-nla", "19045", False, "", "not applicable"),
    ("windows-print-spooler", "19045", False, "", "not applicable"),
)


@pytest.mark.parametrize(("name", "build", "server", "edition", "result"), DEFAULTS)
def test_what_windows_does_by_itself(name: str, build: str, server: bool, edition: str, result: str) -> None:
    os = {**(SERVER if server else CLIENT), "build_id": build}
    asked = case(name, Tree({}, {EDITION: {"EditionID": edition}}), os=os)
    assert report_of(asked, asked.bad).result == result


@pytest.mark.parametrize(
    ("build", "driver", "result"),
    [
        ("15063", {}, "fail"),
        ("16299", {}, "pass"),
        ("16299", {"Type": 2, "Start": 3}, "fail"),
        ("16299", {"Type": 2, "Start": 4}, "pass"),
        ("", {}, "not decidable offline"),
    ],
)
def test_smb_1_is_served_where_its_driver_is(build: str, driver: dict[str, int], result: str) -> None:
    asked = case(
        "windows-smb1-server", Tree({**SERVES, r"CCS\Services\srv": driver}), os={**CLIENT, "build_id": build}
    )
    assert report_of(asked, asked.bad).result == result


@pytest.mark.parametrize("value", [b"\1", "one", "1" * 19, ["1"]])
def test_a_value_that_is_no_number_is_an_error(value: Any) -> None:
    asked = case("windows-lm-hash", Tree({LSA: {"NoLMHash": value}}))
    found = report_of(asked, asked.bad)
    assert found.result == "error" and "not a number" in found.reason


def test_what_a_domain_says_is_mended_there() -> None:
    r"""Its policies are set anew at each start."""
    history = r"Microsoft\Windows\CurrentVersion\Group Policy\History\{35378EAC-683F-11D2-A89A-00C04FBBCFA2}"
    policy = {rf"{WINRM_POLICY}\Client": {"AllowUnencryptedTraffic": 1}}
    asked = case("windows-winrm", Tree({}, {history: {"x": 1}, **policy}))
    found = report_of(asked, asked.bad)
    assert places(found) == (place(rf"SOFTWARE {WINRM_POLICY}\Client\AllowUnencryptedTraffic"),)
    assert not found.findings[0].fixable and "domain" in found.findings[0].advice


def test_a_damaged_hive_is_an_error_of_each_check_that_asks_it() -> None:
    files = {**Tree(), "/Windows/System32/config/SYSTEM": b"regf" + bytes(5000)}
    for name, result in (("windows-lm-hash", "error"), ("windows-uac", "pass")):
        assert report_of(case(name, Tree()), files).result == result
    files = {**Tree(), "/Windows/System32/config/SOFTWARE": b"regf" + bytes(5000)}
    for name, result in (("windows-lm-hash", "pass"), ("windows-uac", "error")):
        assert report_of(case(name, Tree()), files).result == result


@pytest.mark.parametrize(
    ("build", "later", "is_fixable"),
    [
        ("7601", {}, False),
        ("7601", {"Enabled": 1}, True),
        ("7601", {"Enabled": 1, "DisabledByDefault": 1}, False),
        ("19045", {}, True),
        ("19045", {"Enabled": 0}, False),
    ],
)
def test_the_last_version_of_tls_is_never_turned_off(
    build: str, later: dict[str, int], is_fixable: bool
) -> None:
    sides = {rf"{TLS}\TLS 1.2\{side}": later for side in ("Server", "Client")}
    asked = case("windows-tls", Tree({**sides}), os={**CLIENT, "build_id": build})
    found = [one for one in report_of(asked, asked.bad).findings if "TLS 1.0" in one.subject]
    assert len(found) == 2 and all(one.fixable is is_fixable for one in found)


def test_remote_management_by_plain_passwords_is_not_cut_off() -> None:
    """Whoever has nothing but Basic over HTTP would not get in any more."""
    keys: Keys = {rf"{WSMAN}\Service": {"allow_unencrypted": 1, "auth_basic": 1}}
    asked = case("windows-winrm", Tree(WINRM, keys))
    found = report_of(asked, asked.bad).findings
    assert len(found) == 2 and not any(one.fixable for one in found)
