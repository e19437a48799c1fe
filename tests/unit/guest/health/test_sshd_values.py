"""What the SSH server is told, as it sees it: held against a real ``sshd -T``."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from imgtools.errors import OddGuest
from imgtools.guest.accounts.sshd import CONFIG, split_words, sshd_setting
from imgtools.guest.accounts.users import Account
from imgtools.guest.health.sshd_defaults import ALGORITHMS, DEFAULTS, default_of
from imgtools.guest.health.sshd_values import SshdSettings, read_sshd, seconds, version_of
from imgtools.records.request import Secret
from tests.support.memory import memory_files

PROGRAM = b"\x7fELF" + bytes(100) + b"OpenSSH_9.2p1 Debian-2+deb12u3\0libpam.so.0\0"
ANN = Account("ann", Secret(b"x"), 1000, 1000, "", "/home/ann", "/bin/sh", 2)
# The server of these versions has them as the newest that the table knows, but for what is said of 10.0.
CONFIGS = {
    "nothing": {"": ""},
    "first value": {"": "X11Forwarding yes\nX11Forwarding no\nMaxAuthTries 3\nMaxAuthTries 9\n"},
    "words": {
        "": "permitrootlogin=without-password\n  MAXSESSIONS = 4\nClientAliveInterval 5m\nLoginGraceTime 1h30m\n"
    },
    "quotes and comments": {"": 'Banner "/etc/a b" # why\nLogLevel "VERBOSE"\nGatewayPorts yes #no\nMaxAuthTries 2\n'},
    "quoted keyword": {"": '"MaxAuthTries" 5\n"LogLevel" ERROR\r\n'},
    "drop-ins first": {
        "": "Include {d}/a.d/*.conf\nPermitRootLogin yes\nMaxSessions 7\n",
        "a.d/10.conf": "PermitRootLogin no\n",
        "a.d/20.conf": "PermitRootLogin forced-commands-only\nMaxStartups 5:50:60\n",
        "a.d/.hidden.conf": "MaxSessions 1\n",
        "a.d/30.txt": "MaxSessions 2\n",
    },
    "a block ends with its file": {
        "": "Include {d}/a.d/*\nX11Forwarding yes\nMatch User bob\nX11Forwarding no\nMaxSessions 3\n",
        "a.d/1": "Match User ann\nMaxSessions 5\nAllowTcpForwarding no\n",
        "a.d/2": "MaxAuthTries 4\n",
    },
    "include in a block": {
        "": "Match User ann\nInclude {d}/ann\nMatch User bob\nInclude {d}/ann\nMatch all\nGatewayPorts yes\n",
        "ann": "X11Forwarding yes\nMatch Group root\nMaxSessions 2\n",
    },
    "block for all": {"": "X11Forwarding no\nMatch all\nX11Forwarding yes\nPermitTunnel yes\n"},
    "added ciphers": {"": "Ciphers +aes128-cbc,3des-cbc\nMACs ^hmac-md5\nKexAlgorithms -diffie-hellman-*,sntrup*\n"},
    "patterns": {
        "": "HostKeyAlgorithms +ssh-rsa,ssh-dss\nPubkeyAcceptedKeyTypes -rsa-*,*cert*\n"
        "HostbasedAcceptedKeyTypes +ssh-d*\n"
    },
    "own lists": {
        "": "Ciphers aes256-ctr,aes128-cbc\nMACs hmac-sha2-256\nPubkeyAcceptedAlgorithms ssh-rsa,ssh-ed25519\n"
    },
    "everything": {
        "": "StrictModes no\nIgnoreRhosts shosts-only\nPermitUserEnvironment LANG,LC_*\nHostbasedAuthentication yes\n"
        "PermitEmptyPasswords yes\nPasswordAuthentication no\nUsePAM yes\nAllowAgentForwarding no\nMaxStartups 20\n"
    },
}  # fmt: skip
MATCHED = (
    "x11forwarding", "maxsessions", "allowtcpforwarding", "permitrootlogin", "gatewayports", "permittunnel",
)  # fmt: skip


def settings_of(*parts: str, **files: str | bytes) -> SshdSettings:
    """The settings of a guest with these lines."""
    there = {CONFIG: "".join(f"{one}\n" for one in parts), "/usr/sbin/sshd": PROGRAM, **files}
    found = read_sshd(memory_files(there))
    assert found is not None
    return found


def real(folder: Path, config: Path, *arguments: str) -> dict[str, str]:
    """What a real server says of a configuration, by keyword."""
    key = folder / "key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    # fmt: off
    command = ["bwrap", "--bind", "/", "/", "--tmpfs", "/run", "--dir", "/run/sshd", "--dev", "/dev",
               "/usr/sbin/sshd", "-T", "-f", str(config), "-h", str(key), *arguments]
    # fmt: on
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, value)
    return found


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write a configuration where a real server finds it."""
    for name, text in files.items():
        path = folder / (name or "sshd_config")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("{d}", str(folder)), newline="")
    return folder / "sshd_config"


def in_memory(folder: Path, files: dict[str, str]) -> dict[str, str | bytes]:
    """The same for the guest in memory: the configuration is at its usual place, what it includes is where it is."""
    said = {f"{folder}/{name}": text.replace("{d}", str(folder)) for name, text in files.items() if name}
    return {CONFIG: files[""].replace("{d}", str(folder)), "/usr/sbin/sshd": PROGRAM, **said}


def shown(keyword: str, value: str) -> str:
    """A value in the words of ``sshd -T``."""
    if keyword == "permitrootlogin" and value == "prohibit-password":
        return "without-password"
    if keyword in ("logingracetime", "clientaliveinterval"):
        return str(seconds(value))
    if keyword == "maxstartups" and ":" not in value:
        return f"{value}:30:{value}"
    return value


@pytest.mark.host
@pytest.mark.parametrize("files", CONFIGS.values(), ids=CONFIGS)
def test_values_for_all_are_those_of_the_server(files: dict[str, str], tmp_path: Path) -> None:
    told = real(tmp_path, write(tmp_path, files))
    guest = in_memory(tmp_path, files)
    guest["/usr/sbin/sshd"] = Path("/usr/sbin/sshd").read_bytes()
    settings = read_sshd(memory_files(guest))
    assert settings is not None
    ours = {}
    for keyword in (*DEFAULTS, *ALGORITHMS):
        if keyword in told:
            value = settings.value(keyword)
            assert value is not None, keyword
            ours[keyword] = shown(keyword, value.value)
    assert len(ours) > 20
    assert ours == {keyword: told[keyword] for keyword in ours}


@pytest.mark.host
@pytest.mark.parametrize("files", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("user", ["ann", "bob"])
def test_values_of_an_account_are_those_of_the_server(
    files: dict[str, str], user: str, tmp_path: Path
) -> None:
    told = real(
        tmp_path, write(tmp_path, files), "-C", f"user={user},host=h,addr=10.0.0.1,laddr=10.0.0.2,lport=22"
    )
    guest = memory_files(in_memory(tmp_path, files))
    account = Account(user, Secret(b"x"), 1000, 1000, "", f"/home/{user}", "/bin/sh", 2)
    for keyword in MATCHED:
        ours = sshd_setting(guest, keyword, account, [user]) or default_of(keyword, (9, 2)) or ""
        assert shown(keyword, ours.replace("without-password", "prohibit-password")) == told[keyword], keyword


def test_a_value_says_where_it_is_from() -> None:
    settings = settings_of(
        "# a", "X11Forwarding yes", "Match User bob", "  X11Forwarding no", " x11forwarding yes"
    )
    assert settings.value("X11Forwarding") == ("yes", CONFIG, 2, "", False)
    assert list(settings.in_blocks("X11Forwarding")) == [("no", CONFIG, 4, "User bob", False)]
    assert settings.value("MaxSessions") == ("10", "", 0, "", False)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/default/ssh", 'SSHD_OPTS="-o PermitRootLogin=yes -4"\n'),
        ("/etc/sysconfig/sshd", "# OPTIONS=-oPermitRootLogin=no\nOPTIONS='-u0 -oPermitRootLogin=yes'\n"),
        ("/etc/conf.d/sshd", "SSHD_OPTS=\"-o 'PermitRootLogin yes'\"\n"),
    ],
)
def test_the_command_line_comes_first(path: str, text: str) -> None:
    value = settings_of("PermitRootLogin no", **{path: text}).value("PermitRootLogin")
    assert value is not None
    assert (value.value, value.path, value.on_command_line) == ("yes", path, True)


def test_the_crypto_policy_of_red_hat_8_is_on_the_command_line() -> None:
    policy = "/etc/crypto-policies/back-ends/opensshserver.config"
    text = "CRYPTO_POLICY='-oCiphers=aes256-ctr,aes128-cbc -oMACs=hmac-sha1'\n"
    value = settings_of("Ciphers aes256-ctr", **{policy: text}).value("Ciphers")
    assert value is not None
    assert value.value == "aes256-ctr,aes128-cbc"
    overruled = settings_of("Ciphers aes256-ctr", **{policy: text, "/etc/sysconfig/sshd": "CRYPTO_POLICY=\n"})
    assert overruled.said("Ciphers") == ("aes256-ctr", CONFIG, 1, "", False)


def test_algorithms_of_a_policy_that_is_not_there_are_not_known() -> None:
    settings = settings_of("Include /etc/crypto-policies/back-ends/opensshserver.config")
    assert settings.value("Ciphers") is None
    assert settings.value("MaxSessions") is not None


def test_the_default_is_that_of_the_release() -> None:
    old = settings_of(**{"/usr/sbin/sshd": b"OpenSSH_6.6.1p1\0"})
    assert old.value("PermitRootLogin") == ("yes", "", 0, "", False)
    assert "3des-cbc" in (old.value("Ciphers") or ("",))[0]
    new = settings_of(**{"/usr/sbin/sshd": b"OpenSSH_10.0p2\0"})
    assert "diffie" not in (new.value("KexAlgorithms") or ("diffie",))[0]
    nobody_knows = settings_of(**{"/usr/sbin/sshd": b"stripped"})
    assert nobody_knows.version is None
    assert nobody_knows.value("PermitRootLogin") is None
    assert nobody_knows.value("StrictModes") == ("yes", "", 0, "", False)


def test_the_package_tells_the_release_where_the_program_does_not() -> None:
    status = "Package: openssh-server\nStatus: install ok installed\nVersion: 1:8.4p1-5+deb11u3\n\n"
    assert version_of(memory_files({"/usr/sbin/sshd": "", "/var/lib/dpkg/status": status})) == (8, 4)


def test_a_guest_without_a_server_has_no_settings() -> None:
    assert read_sshd(memory_files({CONFIG: "Port 22\n"})) is None
    assert read_sshd(memory_files({"/usr/sbin/sshd": PROGRAM})) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b", ["a", "b"]),
        ("'a b' c", ["a b", "c"]),
        ('a"b c"d', ["ab cd"]),
        ("a#b # c", ["a#b"]),
        (r"a\ b \x \" \\", ["a b", r"\x", '"', "\\"]),
        (r'"a\ b"', [r"a\ b"]),
        ('"a', None),
        ("", []),
    ],
)
def test_words_are_split_as_the_server_does(text: str, found: list[str] | None) -> None:
    assert split_words(text) == found


def test_files_that_include_each_other_have_an_end() -> None:
    files = {CONFIG: f"Include {CONFIG}\n" * 50, "/usr/sbin/sshd": PROGRAM}
    with pytest.raises(OddGuest, match="more than 300 files"):
        read_sshd(memory_files(files))
    with pytest.raises(OddGuest, match="not read"):
        read_sshd(memory_files({CONFIG: f"Include {CONFIG}\n", "/usr/sbin/sshd": PROGRAM}))


@pytest.mark.parametrize(
    ("text", "found"),
    [("0", 0), ("90", 90), ("1m30s", 90), ("2H", 7200), ("1w", 604800), ("x", None), ("", None)],
)
def test_times(text: str, found: int | None) -> None:
    assert seconds(text) == found
