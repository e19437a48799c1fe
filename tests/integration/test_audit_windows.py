r"""Whole Windows guests that are wrong in every way that can be put right offline are right after one ``audit --fix``.

They are broken as a user would: by ``registry merge`` into five hives, files of answers, and a SYSTEM that was not
closed, with a setting that only its transaction log has. Nothing boots.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imgtools.change.change import RegistrySet
from imgtools.change.registry import edit_hive
from imgtools.engine.hive import open_hive
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture
from tests.support.hives import new_log, with_sequences
from tests.support.memory import memory_files
from tests.support.windows_checks import audit_policy, policy

pytestmark = pytest.mark.timeout(600)

CONFIG = "/Windows/System32/config"
CONTROL = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control"
SERVICES = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services"
SOFTWARE = r"HKEY_LOCAL_MACHINE\SOFTWARE"
CURRENT = rf"{SOFTWARE}\Microsoft\Windows\CurrentVersion"
POLICIES = rf"{SOFTWARE}\Policies\Microsoft"
# Key, and its values: DWORDs, texts, and lists.
WRONG: dict[str, dict[str, int | str | list[str]]] = {
    rf"{CONTROL}\Lsa": {
        "NoLMHash": 0, "LmCompatibilityLevel": 1, "RestrictAnonymousSAM": 0, "EveryoneIncludesAnonymous": 1,
    },
    rf"{CONTROL}\SecurityProviders\WDigest": {"UseLogonCredential": 1},
    rf"{CONTROL}\SecurityProviders\SCHANNEL\Protocols\SSL 3.0\Server": {"Enabled": 1},
    rf"{CONTROL}\Session Manager": {"SafeDllSearchMode": 0},
    rf"{CONTROL}\Terminal Server": {"fDenyTSConnections": 0},
    rf"{CONTROL}\Terminal Server\WinStations\RDP-Tcp": {
        "UserAuthentication": 0, "SecurityLayer": 0, "MinEncryptionLevel": 1,
    },
    rf"{SERVICES}\LanmanServer": {"Type": 0x20, "Start": 2},
    rf"{SERVICES}\LanmanServer\Parameters": {
        "SMB1": 1, "RestrictNullSessAccess": 0, "NullSessionShares": ["pub"], "NullSessionPipes": ["browser"],
    },
    rf"{SERVICES}\mrxsmb10": {"Type": 2, "Start": 2},
    rf"{SERVICES}\LanmanWorkstation": {"DependOnService": ["bowser", "mrxsmb10", "nsi"]},
    rf"{SERVICES}\LanmanWorkstation\Parameters": {"EnablePlainTextPassword": 1, "AllowInsecureGuestAuth": 1},
    rf"{SERVICES}\LDAP": {"LDAPClientIntegrity": 0},
    rf"{SERVICES}\Spaces": {"Type": 0x10, "Start": 3, "ImagePath": r"C:\Program Files\My App\a.exe -x"},
    rf"{CURRENT}\Policies\System": {"EnableLUA": 0, "ConsentPromptBehaviorAdmin": 0, "PromptOnSecureDesktop": 0},
    rf"{CURRENT}\WSMAN\Client": {"allow_unencrypted": 1},
    rf"{SOFTWARE}\Microsoft\Windows NT\CurrentVersion\Winlogon": {"DefaultPassword": "geheim"},
    rf"{SOFTWARE}\Microsoft\Windows NT\CurrentVersion\Image File Execution Options\sethc.exe": {"Debugger": "cmd.exe"},
    rf"{POLICIES}\Windows NT\Printers\PointAndPrint": {"RestrictDriverInstallationToAdministrators": 0},
    rf"{POLICIES}\Windows\Installer": {"AlwaysInstallElevated": 1},
    rf"{POLICIES}\Windows\System": {"EnableSmartScreen": 0},
    rf"{POLICIES}\Windows\EventLog\Security": {"MaxSize": 1024},
}  # fmt: skip
FIXED = {
    "windows-account-guest", "windows-account-password-needed", "windows-always-elevated", "windows-anonymous",
    "windows-answer-files",
    "windows-autologon", "windows-autoplay", "windows-blank-password-network", "windows-dll-search",
    "windows-event-logs", "windows-image-debuggers", "windows-ldap-signing", "windows-llmnr", "windows-lm-hash",
    "windows-lm-level", "windows-lockout", "windows-lsa-protection", "windows-ntlm-sessions",
    "windows-null-session-access", "windows-null-sessions", "windows-password-history", "windows-password-length",
    "windows-password-storage", "windows-powershell-logging", "windows-print-drivers", "windows-rdp-encryption",
    "windows-rdp-nla", "windows-screen-lock", "windows-service-paths", "windows-smartscreen", "windows-smb-client",
    "windows-smb-signing-client", "windows-smb-signing-server", "windows-smb1-client", "windows-smb1-server",
    "windows-tls", "windows-uac", "windows-uac-prompt", "windows-wdigest", "windows-winrm",
}  # fmt: skip
ANSWERS = (
    '<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem"><component name="x">'
    "<AutoLogon><Password><Value>geheim</Value></Password></AutoLogon></component></settings></unattend>"
)
WINDOWS = ("--only", "windows-*")


def content(image: Path, path: str) -> bytes:
    words = [sys.executable, "-m", "imgtools", "cat", image, path]
    return subprocess.run(words, check=True, capture_output=True).stdout


def as_reg(data: bytes, kind: str = "") -> str:
    return f"hex{kind}:" + ",".join(f"{one:02x}" for one in data)


def reg_value(value: int | str | list[str]) -> str:
    if isinstance(value, int):
        return f"dword:{value:08x}"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\") + '"'
    return as_reg(("".join(f"{one}\0" for one in value) + "\0").encode("utf-16-le"), "(7)")


def break_registry(image: Path, folder: Path, *, with_security: bool) -> None:
    """Merge everything that is wrong: settings, the guest account, the policies of passwords and of auditing."""
    lines = ["Windows Registry Editor Version 5.00", ""]
    for key, values in WRONG.items():
        lines += [f"[{key}]", *(f'"{name}"={reg_value(value)}' for name, value in values.items()), ""]
    with open_hive(content(image, f"{CONFIG}/SAM"), "SAM") as sam:
        users = sam.root.require(r"SAM\Domains\Account\Users")
        value = next((one.value("F") for one in users.subkeys() if one.name == "000001F5"), None)
    if value is not None:  # enabled, and it needs no password
        flags = bytearray(value.data)
        flags[0x38:0x3A] = (0x0014).to_bytes(2, "little")
        lines += [
            r"[HKEY_LOCAL_MACHINE\SAM\SAM\Domains\Account\Users\000001F5]",
            f'"F"={as_reg(bytes(flags))}',
            "",
        ]
    weak = policy(shortest=4, history=0, tries=0, flags=0x10)
    lines += [r"[HKEY_LOCAL_MACHINE\SAM\SAM\Domains\Account]", f'"F"={as_reg(weak)}', ""]
    if with_security:
        lines += [
            r"[HKEY_LOCAL_MACHINE\SECURITY\Policy\PolAdtEv]",
            f"@={as_reg(audit_policy({}), '(0)')}",
            "",
        ]
    file = folder / "wrong.reg"
    file.write_text("\r\n".join(lines), encoding="utf-16")
    imgtools("registry", "merge", image, file, "--write")


def leave_open(image: Path, folder: Path) -> None:
    """Have SYSTEM be a hive that was not closed: what its log has, and it has not, is wrong too."""
    path = f"{CONFIG}/SYSTEM"
    before = with_sequences(content(image, path), 8, 7)
    clean = with_sequences(before, 7, 7)
    change = RegistrySet(path, r"ControlSet001\Control\Lsa", "LimitBlankPasswordUse", "REG_DWORD", number=0)
    after, _done = edit_hive(path, clean, [change], memory_files({}))
    hives = folder / "hives"
    hives.mkdir()
    (hives / "SYSTEM").write_bytes(before)
    (hives / "SYSTEM.LOG1").write_bytes(new_log(before, after, 7))
    imgtools("copy-in", image, hives / "SYSTEM", hives / "SYSTEM.LOG1", CONFIG, "--write")


def broken(name: str, folder: Path) -> Path:
    """A private copy of a fixture that is wrong in every way."""
    (image,) = copy_fixture(name, folder)
    break_registry(image, folder, with_security=name == "windows")
    (folder / "unattend.xml").write_text(ANSWERS)
    imgtools("copy-in", image, folder / "unattend.xml", "/", "--write")
    leave_open(image, folder)
    return image


def fixable(data: dict[str, list[dict[str, object]]], part: str = "checks") -> set[object]:
    return {
        finding["check"]
        for one in data[part]
        for finding in one["findings"]  # type: ignore[attr-defined]
        if finding["fixable"]
    }


@pytest.mark.parametrize("name", ["windows", "windows-server"])
def test_what_is_put_right_offline_is_right(name: str, tmp_path: Path) -> None:
    image = broken(name, tmp_path)
    found = imgtools("audit", image, *WINDOWS, "--json", code=1)
    wrong = fixable(found.data)
    assert wrong == (FIXED | {"windows-audit-policy"} if name == "windows" else FIXED)
    assert not [one for one in found.data["checks"] if one["result"] == "error"]
    done = imgtools("audit", image, *WINDOWS, "--fix", "--write", "--json", code=None)
    assert done.json["engine"] == "direct" and done.data["written"] and done.data["changed"]
    assert "geheim" not in done.out + found.out
    again = imgtools("audit", image, *WINDOWS, "--json", code=None).data
    assert fixable(again) == set()
    with open_hive(content(image, f"{CONFIG}/SYSTEM"), "SYSTEM") as system:
        assert not system.state.dirty
        lsa = system.root.require(r"ControlSet001\Control\Lsa")
        assert (lsa.number("LimitBlankPasswordUse"), lsa.number("NoLMHash")) == (1, 1)
    assert b"geheim" not in content(image, "/unattend.xml")
    assert "geheim".encode("utf-16-le") not in content(image, f"{CONFIG}/SOFTWARE")
    assert imgtools("audit", image, *WINDOWS, "--fix", "--json", code=None).data["changes"] == []
