"""Checks of the SSH server: what each finds, where it is silent, and that its fix makes it silent."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from imgtools.change.sequence import ChangeSequence
from imgtools.guest.accounts.sshd import CONFIG
from imgtools.ops.check import Flaw, check
from imgtools.ops.ssh_plans import DROP_IN, may_say, say_for_all
from imgtools.records.audit import Level, Result
from tests.support.checks import Case, audited, chosen, hold, places, report_of
from tests.support.memory import Content, Node, directory, memory_files
from tests.support.public_keys import DSA, ED25519, rsa

PROGRAM = b"\x7fELF" + bytes(100) + b"OpenSSH_9.2p1\0libpam.so.0\0"
SERVER: dict[str, Content] = {"/usr/sbin/sshd": PROGRAM}
D = "/etc/ssh/sshd_config.d"
HASH = "$y$j9T$abcdefghijklmnop"
# ann is an administrator who gets in with her password.
ANN: dict[str, Content] = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n",
    "/etc/shadow": f"root:*:1::::::\nann:{HASH}:1::::::\n",
    "/etc/group": "root:x:0:\nsudo:x:27:ann\nann:x:1000:\n",
    "/etc/sudoers": "%sudo ALL=(ALL:ALL) ALL\n",
}


def said(*lines: str, **files: Content) -> dict[str, Content]:
    """A server with these lines."""
    return {**SERVER, CONFIG: "".join(f"{one}\n" for one in lines), **files}


def old(*lines: str) -> dict[str, Content]:
    """A server of an old release with these lines."""
    return {**said(*lines), "/usr/sbin/sshd": b"OpenSSH_6.6p1\0"}


def on(check_id: str, bad: str, good: str, *, fixed: bool = True, **set: str) -> Case:
    """A case of one setting: for all, and in a block."""
    return Case(
        check_id,
        bad=said("# why", bad, "Port 22"),
        finds=(f"{CONFIG}:2",),
        good=said(good, bad),  # the first counts
        fixed=fixed,
        set=set,
    )


CASES = (
    Case(
        "ssh-root-login",
        bad={**ANN, **said("PermitRootLogin yes")},
        finds=(f"{CONFIG}:1",),
        good=said("PermitRootLogin no", "PermitRootLogin yes"),
        fixed=True,
    ),
    Case("ssh-root-login", bad=said("PermitRootLogin yes"), finds=(f"{CONFIG}:1",), good=SERVER),
    Case("ssh-root-login", bad={**ANN, **old("Port 22")}, finds=(CONFIG,), good=said("Port 22"), fixed=True),
    Case(
        "ssh-root-login",
        bad={**ANN, **said("Port 22")},
        finds=(CONFIG,),
        good=said("PermitRootLogin no"),
        fixed=True,
        set={"allowed": "no"},
    ),
    on("ssh-password-authentication", "PasswordAuthentication yes", "PasswordAuthentication no", fixed=False),
    on("ssh-empty-passwords", "PermitEmptyPasswords yes", "PermitEmptyPasswords no"),
    on("ssh-x11-forwarding", "X11Forwarding yes", "X11Forwarding no"),
    on("ssh-max-auth-tries", "MaxAuthTries 7", "MaxAuthTries 6"),
    on("ssh-max-auth-tries", "MaxAuthTries 6", "MaxAuthTries 4", most="4"),
    on("ssh-login-grace-time", "LoginGraceTime 121", "LoginGraceTime 2m"),
    on("ssh-login-grace-time", "LoginGraceTime 0", "LoginGraceTime 1"),
    on("ssh-client-alive", "ClientAliveInterval 301", "ClientAliveInterval 5m"),
    on("ssh-client-alive", "ClientAliveInterval 0", "ClientAliveInterval 15", most="45"),
    on("ssh-max-sessions", "MaxSessions 11", "MaxSessions 10"),
    on("ssh-max-startups", "MaxStartups 11:30:100", "MaxStartups 10:30:100"),
    on("ssh-max-startups", "MaxStartups 10:30:61", "MaxStartups 60", most="10:30:60", fixed=True)._replace(
        good=said("MaxStartups 10")
    ),
    on("ssh-hostbased-authentication", "HostbasedAuthentication yes", "HostbasedAuthentication no", fixed=False),
    on("ssh-ignore-rhosts", "IgnoreRhosts shosts-only", "IgnoreRhosts yes"),
    on("ssh-user-environment", "PermitUserEnvironment LANG", "PermitUserEnvironment no"),
    on("ssh-log-level", "LogLevel ERROR", "LogLevel VERBOSE"),
    on("ssh-log-level", "LogLevel DEBUG3", "loglevel info"),
    on("ssh-tcp-forwarding", "AllowTcpForwarding local", "AllowTcpForwarding no", fixed=False),
    on("ssh-gateway-ports", "GatewayPorts clientspecified", "GatewayPorts no", fixed=False),
    on("ssh-tunnels", "PermitTunnel ethernet", "PermitTunnel no", fixed=False),
    on("ssh-ciphers", "Ciphers aes256-ctr,aes128-cbc", "Ciphers aes256-ctr"),
    on("ssh-ciphers", "Ciphers +3des-cbc", "Ciphers -*-gcm@openssh.com"),
    on("ssh-macs", "MACs hmac-sha2-256,hmac-sha1-96-etm@openssh.com", "MACs hmac-sha1"),
    on("ssh-macs", "MACs hmac-sha2-256,hmac-sha1", "MACs hmac-sha2-256", weak="hmac-sha1*"),
    on("ssh-key-exchange", "KexAlgorithms ^diffie-hellman-group1-sha1", "KexAlgorithms curve25519-sha256"),
    on("ssh-host-key-algorithms", "HostKeyAlgorithms +ssh-rsa", "HostKeyAlgorithms -ssh-rsa"),
    on("ssh-user-key-algorithms", "PubkeyAcceptedKeyTypes +ssh-dss", "PubkeyAcceptedAlgorithms rsa-*", fixed=False),
    Case("ssh-ciphers", bad=old("Port 22"), finds=(CONFIG,), good=said("Port 22"), fixed=True),
    Case("ssh-protocol", bad=old("Protocol 2,1"), finds=(f"{CONFIG}:1",), good=old("Protocol 2"), fixed=True),
    Case("ssh-protocol", bad=old("Protocol 1"), finds=(f"{CONFIG}:1",), good=said("Protocol 1"), fixed=True),
    Case(
        "ssh-use-pam",
        bad=said("Port 22", **{"/etc/pam.d/sshd": ""}),
        finds=(CONFIG,),
        good=said("UsePAM yes", **{"/etc/pam.d/sshd": ""}),
    ),
    Case(
        "ssh-use-pam",
        bad=said("UsePAM no", **{"/etc/pam.d/sshd": ""}),
        finds=(f"{CONFIG}:1",),
        good={**said("UsePAM no"), "/etc/pam.d/sshd": "", "/usr/sbin/sshd": b"\x7fELF OpenSSH_9.2"},
    ),
    Case(
        "ssh-banner",
        bad=said("Banner none", **{"/etc/issue.net": "no\n"}),
        finds=(f"{CONFIG}:1",),
        good=said("Banner /etc/issue.net", **{"/etc/issue.net": "no\n"}),
        fixed=True,
    ),
    Case("ssh-banner", bad=said("Port 22", **{"/etc/issue.net": "Debian\n"}), finds=(CONFIG,),
         good=said("Banner /b", **{"/b": "x"})),
    Case(
        "ssh-banner",
        bad=said("Banner /etc/gone"),
        finds=(f"{CONFIG}:1",),
        good=said("Banner /b", **{"/b": "no\n"}),
    ),
    on("ssh-strict-modes", "StrictModes no", "StrictModes yes"),
    Case(
        "ssh-strict-modes",
        bad=said("StrictModes no", **{"/home/alice/.ssh/authorized_keys": Node(mode=0o620, uid=1000)}),
        finds=(f"{CONFIG}:1",),
        good=said("StrictModes yes"),
    ),
    Case(
        "ssh-host-key-strength",
        bad={
            "/etc/ssh/ssh_host_rsa_key": "",
            "/etc/ssh/ssh_host_rsa_key.pub": f"{rsa(2047)} a\n",
            "/etc/ssh/ssh_host_dsa_key": "",
            "/etc/ssh/ssh_host_dsa_key.pub": f"{DSA} a\n",
        },
        finds=("/etc/ssh/ssh_host_dsa_key", "/etc/ssh/ssh_host_rsa_key"),
        good={
            "/etc/ssh/ssh_host_rsa_key": "",
            "/etc/ssh/ssh_host_rsa_key.pub": f"{rsa(2048)} a\n",
            "/etc/ssh/ssh_host_ed25519_key": "",
            "/etc/ssh/ssh_host_ed25519_key.pub": f"{ED25519}\n",
        },
    ),
    Case(
        "ssh-host-key-modes",
        bad={
            "/etc/ssh/ssh_host_rsa_key": Node(mode=0o640),
            "/etc/ssh/ssh_host_a_key": Node(mode=0o644, gid=99),
            "/etc/ssh/ssh_host_a_key.pub": Node(mode=0o664),
        },
        finds=("/etc/ssh/ssh_host_a_key", "/etc/ssh/ssh_host_a_key.pub", "/etc/ssh/ssh_host_rsa_key"),
        good={
            "/etc/ssh/ssh_host_rsa_key": Node(mode=0o640, gid=99),
            "/etc/ssh/ssh_host_a_key": Node(mode=0o600),
            "/etc/ssh/ssh_host_a_key.pub": Node(mode=0o644),
        },
        fixed=True,
    ),
    Case(
        "ssh-config-mode",
        bad={
            **SERVER,
            CONFIG: Node(content=b"Include /etc/ssh/sshd_config.d/*.conf\n", mode=0o646),
            D: directory(0o777),
            f"{D}/a.conf": Node(content=b"Port 22\n", mode=0o664, gid=5),
        },
        finds=(CONFIG, f"{D}/a.conf", D),
        good={**SERVER, CONFIG: Node(mode=0o664), D: directory(0o755), f"{D}/a": Node(mode=0o666)},
        fixed=True,
    ),
    Case(
        "ssh-config-mode",
        bad={**SERVER, CONFIG: Node(uid=1000)},
        finds=(CONFIG,),
        good={CONFIG: Node(mode=0o666)},
    ),
    Case(
        "ssh-allowed-users",
        bad=said("# AllowUsers ann", "Match User bob", "AllowUsers ann"),
        finds=(CONFIG,),
        good=said("AllowGroups staff"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


def test_a_block_that_loosens_is_a_finding_of_its_own() -> None:
    files = said(
        "X11Forwarding no", "Match User bob", "X11Forwarding yes", "X11Forwarding no", "Match Group a"
    )
    report = report_of(Case("ssh-x11-forwarding", {}, ()), files)
    assert places(report) == (f"{CONFIG}:3 Match User bob",)
    assert not report.findings[0].fixable
    assert report.findings[0].evidence == "X11Forwarding yes"


def test_what_the_command_line_says_is_not_changed_in_the_file() -> None:
    files = said("X11Forwarding no", **{"/etc/default/ssh": "SSHD_OPTS='-o X11Forwarding=yes'\n"})
    (finding,) = report_of(Case("ssh-x11-forwarding", {}, ()), files).findings
    assert (finding.path, finding.line, finding.fixable) == ("/etc/default/ssh", 1, False)


def fixed(check_id: str, files: Mapping[str, Content], **set: str) -> ChangeSequence:
    """The guest as the fixes of a check leave it."""
    case = Case(check_id, files, (), set=set)
    examined = audited(files)
    sequence = ChangeSequence(examined.files)
    for flaw in case.shelved.check.look(examined, chosen(case).params):
        assert isinstance(flaw, Flaw)
        assert flaw.fix is not None
        sequence.add(flaw.fix(sequence.files))
    return sequence


def test_a_fix_is_a_drop_in_only_where_it_comes_first() -> None:
    first = fixed("ssh-max-auth-tries", said(f"Include {D}/*.conf", "Port 22"), most="4")
    assert first.files.read_text(DROP_IN) == "MaxAuthTries 4\n"
    assert first.files.stat(DROP_IN).mode == 0o600
    later = fixed("ssh-max-auth-tries", said("Port 22", f"Include {D}/*.conf", "", "Match User x"), most="4")
    assert later.files.read_text(CONFIG) == f"Port 22\nInclude {D}/*.conf\nMaxAuthTries 4\n\nMatch User x\n"
    assert not later.files.exists(DROP_IN)


def test_a_fix_changes_the_line_that_counts() -> None:
    files = said(
        f"Include {D}/*.conf", "X11Forwarding no", **{f"{D}/5.conf": "# x\n  x11forwarding yes # why\n"}
    )
    assert fixed("ssh-x11-forwarding", files).files.read_text(f"{D}/5.conf") == "# x\n  X11Forwarding no\n"


def test_suse_keeps_its_own_configuration_in_usr() -> None:
    own = "/usr/etc/ssh/sshd_config"
    files = memory_files({**SERVER, own: f"Include {D}/*.conf\nX11Forwarding yes\n", "/etc/ssh": directory()})
    assert may_say(files, "X11Forwarding")
    sequence = ChangeSequence(files)
    sequence.add(say_for_all(files, "X11Forwarding", "no"))
    assert sequence.files.read_text(DROP_IN) == "X11Forwarding no\n"
    assert sequence.files.read_text(own).endswith("X11Forwarding yes\n")
    assert not may_say(memory_files({**SERVER, own: "X11Forwarding yes\n"}), "X11Forwarding")


@pytest.mark.parametrize("check_id", ["ssh-ciphers", "ssh-macs", "ssh-key-exchange"])
def test_a_policy_that_is_not_in_the_image_is_not_decidable(check_id: str) -> None:
    files = said("Include /etc/crypto-policies/back-ends/opensshserver.config")
    report = report_of(Case(check_id, {}, ()), files)
    assert (report.result, "opensshserver.config" in report.reason) == (Result.UNDECIDED, True)


def test_a_release_that_nobody_can_tell() -> None:
    files = {**said("Port 22"), "/usr/sbin/sshd": b"nothing"}
    assert report_of(Case("ssh-root-login", {}, ()), files).result is Result.UNDECIDED
    assert report_of(Case("ssh-max-startups", {}, ()), files).result is Result.PASS
    assert report_of(Case("ssh-ciphers", {}, ()), files).result is Result.UNDECIDED


def test_no_server_and_no_configuration_are_not_applicable() -> None:
    report = report_of(Case("ssh-x11-forwarding", {}, ()), {CONFIG: "X11Forwarding yes\n"})
    assert (report.result, report.reason) == (Result.NOT_APPLICABLE, "no OpenSSH server")


def test_hostile_configurations_end_in_an_error_of_the_check() -> None:
    files = said(*[f"Include {CONFIG}"] * 60)
    examined = audited(files)
    found = check(examined, chosen(Case("ssh-ciphers", {}, ())))
    assert found.report.result is Result.ERROR
    assert "more than 300 files" in found.report.reason


def test_root_with_a_password_weighs_more_than_a_key_that_a_policy_forbids() -> None:
    report = report_of(Case("ssh-root-login", {}, ()), said("PermitRootLogin yes"))
    assert report.findings[0].severity is Level.HIGH
    assert "with a password" in report.findings[0].text
