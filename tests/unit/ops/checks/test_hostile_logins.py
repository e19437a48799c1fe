"""Files of logins that say anything: each check of accounts, PAM, sudo and SSH ends with an answer or a named error."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgtools.ops.check import ChosenCheck, check
from imgtools.ops.operation import read_params
from tests.support.checks import SHELF, audited
from tests.support.memory import Content
from tests.support.public_keys import ED25519, rsa

GROUPS = ("account-", "login-", "sudo-", "ssh-")
CHECKS = [one for id, one in SHELF.items() if id.startswith(GROUPS)]
PATHS = (
    "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d/a", "/etc/doas.conf",
    "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/a.conf", "/etc/default/ssh", "/etc/sysconfig/sshd",
    "/etc/crypto-policies/back-ends/opensshserver.config", "/etc/ssh/ssh_host_a_key", "/etc/ssh/ssh_host_b_key.pub",
    "/etc/ssh/ssh_host_b_key", "/root/.ssh/authorized_keys", "/root/.profile", "/root/.rhosts", "/etc/hosts.equiv",
    "/etc/pam.d/login", "/etc/pam.d/sshd", "/etc/pam.d/passwd", "/etc/pam.d/su", "/etc/security/pwquality.conf",
    "/etc/security/faillock.conf", "/etc/login.defs", "/etc/default/useradd", "/etc/profile", "/etc/bashrc",
    "/etc/issue", "/etc/securetty", "/etc/polkit-1/rules.d/a.rules", "/etc/nsswitch.conf", "/usr/bin/sudo",
    "/etc/polkit-1/localauthority/a/a.pkla", "/usr/sbin/sshd",
)  # fmt: skip
PIECES = (
    "root:x:0:0::/root:/bin/sh\n", "root:$6$rounds=1$a$b:1::::::\n", "a::0:0::/:\n", "+\n", ":", "=", ",", "\\", "\n",
    "\\\n", '"', "'", "#", "!", "%", "*", "(", ")", "[", "]", "{", "}", " ", "\t", "\0", "\udcff", "99999999999", "-1",
    "ann ALL=(ALL:ALL) NOPASSWD: ALL", "Cmnd_Alias A = A, /x*", "Defaults env_keep += ", "@include a\n",
    "@includedir /etc/sudoers.d\n", "permit nopass setenv { a", "Include sshd_config.d/*.conf\n", "Match User ann\n",
    "Match all\n", "Ciphers +*,^a\n", "MaxStartups 1:2\n", "LoginGraceTime 1m1x\n", "PermitRootLogin yes\n",
    "SSHD_OPTS='-o ", "CRYPTO_POLICY='-oCiphers=", "auth required pam_unix.so nullok [a b] remember=x\n",
    "password required pam_pwquality.so minlen=x\n", "auth include login\n", "minlen = -\n", "UMASK 9\n", "umask 0\n",
    "PATH=.:/x:$A:", "TMOUT=", "PASS_MAX_DAYS 1e9\n", "addRule(function() { return polkit.Result.YES", "/*",
    "[a]\nAction=*\nResultAny=yes\n", "-----BEGIN OPENSSH PRIVATE KEY-----", f"{ED25519} x\n", f"{rsa(1024)}\n",
    'command="a ', "OpenSSH_9.2", "OpenSSH_0.0", "compat",
)  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=14).map("".join)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(texts, min_size=3, max_size=3))
def test_each_check_ends_with_an_answer(said: list[str]) -> None:
    files: dict[str, Content] = {
        path: said[number % 3].encode("utf-8", "surrogatepass") for number, path in enumerate(PATHS)
    }
    examined = audited(files)
    for one in CHECKS:
        report = check(examined, ChosenCheck(one, read_params(one.id, one.check.params, {}))).report
        assert "does not understand" not in report.reason, (one.id, report.reason)


@pytest.mark.parametrize("piece", PIECES)
def test_one_piece_many_times(piece: str) -> None:
    files: dict[str, Content] = dict.fromkeys(PATHS, (piece * 100).encode("utf-8", "surrogatepass"))
    examined = audited(files)
    for one in CHECKS:
        report = check(examined, ChosenCheck(one, read_params(one.id, one.check.params, {}))).report
        assert "does not understand" not in report.reason, (one.id, report.reason)
