"""What keeps people from logging in, and from becoming root."""

from __future__ import annotations

import pytest

from imgtools.ops.stations import accounts, login, ssh_server, sudo
from tests.support.memory import Content, Node, link
from tests.support.stations import PROGRAM, examined_of, found, ids, reasons

HASH = "$6$fixture$0123456789abcdef"
PASSWD = """root:x:0:0:root:/root:/bin/bash
sshd:x:101:65534::/run/sshd:/usr/sbin/nologin
ann:x:1000:1000::/home/ann:/bin/bash
"""
SHADOW = f"root:{HASH}:19000:0:99999:7:::\nann:{HASH}:19000:0:99999:7:::\n"
BASE: dict[str, Content] = {
    "/etc/passwd": PASSWD,
    "/etc/shadow": SHADOW,
    "/etc/group": "root:x:0:\nsudo:x:27:ann\nann:x:1000:\n",
    "/etc/sudoers": Node(content=b"root ALL=(ALL) ALL\n%sudo ALL=(ALL) ALL\n", mode=0o440),
    "/usr/bin/sudo": Node(content=b"x", mode=0o4755),
}
LOCKED = SHADOW.replace(f":{HASH}", ":!")
SERVER: dict[str, Content] = {"/usr/sbin/sshd": "x", "/etc/ssh/sshd_config": ""}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"/etc/passwd": ""}, ["account-file-missing!"]),
        ({"/etc/shadow": ""}, ["account-file-missing!"]),
        ({"/etc/group": ""}, ["account-file-missing"]),
        ({"/etc/passwd": PASSWD + "bob:x:1001\n"}, ["account-file-syntax"]),
        ({"/etc/passwd": PASSWD + "+::::::\n# bob\n"}, []),
        ({"/etc/passwd": PASSWD.replace("root:x:0:", "admin:x:5:")}, ["root-account-missing!"]),
        ({"/etc/shadow": LOCKED}, ["nobody-can-log-in!"]),
        ({"/etc/shadow": SHADOW.replace(f"root:{HASH}", "root:*")}, []),
        ({"/etc/shadow": SHADOW.replace(f"root:{HASH}", "root:*"), "/etc/group": "ann:x:1000:\n"},
         ["nobody-can-log-in"]),
        ({"/etc/shadow": SHADOW.replace("7:::\nann", "7::100:\nann")}, ["account-expired"]),
        ({"/etc/shadow": LOCKED, **SERVER, "/root/.ssh/authorized_keys": "ssh-ed25519 AAAA\n"}, []),
        ({"/etc/shadow": LOCKED, **SERVER, "/root/.ssh/authorized_keys": "# none\n"}, ["nobody-can-log-in!"]),
        ({"/etc/shadow": LOCKED, "/usr/sbin/sshd": "x", "/root/.ssh/authorized_keys": "ssh-ed25519 AAAA\n",
          "/etc/ssh/sshd_config": "PermitRootLogin no\n"}, ["nobody-can-log-in!"]),
        ({"/home/ann/.ssh/authorized_keys": Node(content=b"k", mode=0o666, uid=1000)}, ["ssh-keys-mode"]),
        ({"/bin/bash": Node(), "/bin/sh": PROGRAM, "/etc/passwd": PASSWD.replace("/root:/bin/bash", "/root:/bin/zsh")},
         ["root-shell-missing"]),
    ],
)  # fmt: skip
def test_accounts(more: dict[str, Content], expected: list[str]) -> None:
    assert ids(accounts.STATION, {**BASE, **more}) == expected


def test_hashes_are_never_shown() -> None:
    examined = examined_of({**BASE, "/etc/shadow": f"root:{HASH}\n{SHADOW}"})
    assert HASH not in repr(found(accounts.STATION, examined))


def test_what_may_let_people_in_otherwise_is_said() -> None:
    files = {**BASE, "/etc/shadow": LOCKED}
    assert "directory" in reasons(accounts.STATION, examined_of({**files, "/etc/sssd/sssd.conf": ""}))[0]
    assert "cloud-init" in reasons(accounts.STATION, examined_of({**files, "/etc/cloud/cloud.cfg": ""}))[0]
    assert "agent" in reasons(accounts.STATION, examined_of({**files, "/usr/sbin/waagent": ""}))[0]
    done: dict[str, Content] = {"/etc/cloud/cloud.cfg": "", "/var/lib/cloud/instance/boot-finished": ""}
    assert ids(accounts.STATION, {**files, **done}) == ["nobody-can-log-in!"]


# -- PAM -----------------------------------------------------------------------------------------------------

SECURITY = "/usr/lib/x86_64-linux-gnu/security"
PAM: dict[str, Content] = {
    f"{SECURITY}/pam_unix.so": "x",
    f"{SECURITY}/pam_deny.so": "x",
    "/etc/pam.d/common-auth": "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n",
    "/etc/pam.d/login": "# x\n@include common-auth\n-session optional pam_systemd.so\n",
    "/etc/pam.d/sshd": "auth substack common-auth\n",
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"/etc/nologin": "maintenance"}, ["nologin!"]),
        ({"/etc/pam.d/login": "auth required pam_tally2.so\n"}, ["pam-module-missing!"]),
        ({"/etc/pam.d/login": "auth sufficient pam_fprintd.so\n"}, ["pam-module-missing"]),
        ({"/etc/pam.d/login": "auth optional pam_faildelay.so\n"}, []),
        ({"/etc/pam.d/su": "auth required pam_wheel.so\n"}, ["pam-module-missing"]),
        ({"/etc/pam.d/login": "@include common-authentication\n"}, ["pam-include-missing!"]),
        ({"/etc/pam.d/login": f"auth required {SECURITY}/pam_unix.so\n"}, []),
        ({"/etc/pam.d/login": "auth required /lib/security/$ISA/pam_unix.so\n"}, []),
        ({"/etc/pam.d/login": "@include login\n"}, []),
    ],
)
def test_pam(more: dict[str, Content], expected: list[str]) -> None:
    assert ids(login.STATION, {**PAM, **more}) == expected


def test_systemd_removes_nologin_unless_it_cannot() -> None:
    sessions = "systemd-user-sessions.service"
    systemd: dict[str, Content] = {
        **PAM, "/etc/nologin": "", "/usr/lib/systemd/systemd": "", f"/usr/lib/systemd/system/{sessions}": "[Unit]\n",
    }  # fmt: skip
    assert ids(login.STATION, systemd) == ["nologin"]
    masked = {**systemd, f"/etc/systemd/system/{sessions}": link("/dev/null")}
    assert ids(login.STATION, masked) == ["nologin!"]
    gone = {path: content for path, content in systemd.items() if not path.endswith(sessions)}
    assert ids(login.STATION, gone) == ["nologin!"]


# -- sudo ----------------------------------------------------------------------------------------------------


@pytest.mark.host
@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"/usr/bin/sudo": Node(content=b"x", mode=0o755)}, ["sudo-not-setuid"]),
        ({"/etc/sudoers": Node(content=b"root ALL=(ALL) ALL\n", mode=0o666)}, ["sudoers-mode"]),
        ({"/etc/sudoers": Node(content=b"root ALL=(ALL) ALL\n", mode=0o440, uid=5)}, ["sudoers-mode"]),
        ({"/etc/sudoers": Node(content=b"root ALL=(ALL\n", mode=0o440)}, ["sudoers-syntax"]),
        ({"/etc/sudoers": Node(content=b"root ALL=(ALL\n", mode=0o440), "/etc/shadow": LOCKED}, ["sudoers-syntax!"]),
        ({"/etc/sudoers": Node(content=b"root ALL=(ALL) ALL\n#includedir /etc/sudoers.d\n", mode=0o440),
          "/etc/sudoers.d/ann": Node(content=b"ann ALL\n", mode=0o440),
          "/etc/sudoers.d/old.bak": Node(content=b"ann ALL\n", mode=0o666)}, ["sudoers-syntax"]),
    ],
)  # fmt: skip
def test_sudo(more: dict[str, Content], expected: list[str]) -> None:
    assert ids(sudo.STATION, {**BASE, **more}) == expected


def test_a_guest_without_sudo() -> None:
    assert reasons(sudo.STATION, examined_of({})) == ["no sudo"]
    files = {path: content for path, content in BASE.items() if path != "/etc/sudoers"}
    assert ids(sudo.STATION, files) == ["sudoers-missing"]


# -- the SSH server ------------------------------------------------------------------------------------------

KEY = "/etc/ssh/ssh_host_ed25519_key"
SSH: dict[str, Content] = {**BASE, "/usr/sbin/sshd": "x", KEY: Node(content=b"k", mode=0o600)}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n", []),
        ("Port 22\nAcceptEnv LANG LC_*\nMatch User ann\n  X11Forwarding no\n", []),
        ("PermitRoot yes\n", ["sshd-config-broken!"]),
        ("PermitRootLogin\n", ["sshd-config-broken!"]),
        ("PermitRootLogin maybe\n", ["sshd-config-broken!"]),
        ("PasswordAuthentication = yes # why\n", []),
        ("passwordauthentication perhaps\n", ["sshd-config-broken!"]),
        ("Port twentytwo\n", ["sshd-config-broken!"]),
        ("Port ssh\n", []),
        ("Match Users ann\n", ["sshd-config-broken!"]),
        ('Banner "/etc/issue\n', ["sshd-config-broken!"]),
    ],
)
def test_sshd_config(config: str, expected: list[str]) -> None:
    assert ids(ssh_server.STATION, {**SSH, "/etc/ssh/sshd_config": config}) == expected


def test_a_keyword_that_only_the_guests_server_knows_is_right() -> None:
    server = b"\x7fELF" + bytes(20_000) + b"\0newkeyword\0"
    files = {**SSH, "/usr/sbin/sshd": server, "/etc/ssh/sshd_config": "NewKeyword yes\nOther yes\n"}
    (one,) = found(ssh_server.STATION, examined_of(files))
    assert one.evidence[0].line == 2 and one.evidence[0].text == "Other yes"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({KEY: Node(content=b"k", mode=0o644)}, ["ssh-host-keys-mode!"]),
        ({KEY: Node(content=b"k", mode=0o640, gid=998)}, []),
        ({KEY: Node(content=b"k", mode=0o644), "/etc/ssh/ssh_host_rsa_key": Node(content=b"k", mode=0o600)},
         ["ssh-host-keys-mode"]),
        ({KEY: Node(content=b"", mode=0o600)}, ["ssh-host-keys-missing!"]),
        ({KEY: Node(content=b"", mode=0o600), "/etc/ssh/sshd_config": f"HostKey {KEY}\n"}, ["ssh-host-keys-missing!"]),
    ],
)  # fmt: skip
def test_host_keys(keys: dict[str, Content], expected: list[str]) -> None:
    assert ids(ssh_server.STATION, {**SSH, "/etc/ssh/sshd_config": "", **keys}) == expected


def test_keys_that_are_made_at_boot_are_not_missed() -> None:
    files = {path: content for path, content in SSH.items() if path != KEY}
    files["/etc/ssh/sshd_config"] = ""
    assert ids(ssh_server.STATION, files) == ["ssh-host-keys-missing!"]
    made: dict[str, Content] = {"/usr/lib/systemd/system/sshd-keygen@.service": "x"}
    assert ids(ssh_server.STATION, {**files, **made}) == []


def test_a_server_without_its_user() -> None:
    files: dict[str, Content] = {
        **SSH,
        "/etc/ssh/sshd_config": "",
        "/bin/bash": PROGRAM,
        "/etc/passwd": PASSWD.replace("sshd:", "ssh:"),
    }
    assert ids(ssh_server.STATION, files) == ["sshd-user-missing"]
    assert ids(ssh_server.STATION, {**files, "/usr/lib/sysusers.d/openssh-server.conf": "u sshd"}) == []
