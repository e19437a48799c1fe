"""The repairs of who gets into a Linux: accounts, passwords, sudo, the SSH server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from imgtools.change.change import SetMode, WriteFile
from imgtools.engine.crypt import hash_password
from imgtools.errors import NotInGuest, UsageError
from imgtools.ops.operation import make_params
from tests.support.linux_repairs import HASH, SHELF, linux, mended, planned, remarks, text
from tests.support.memory import Content, Node, link

pytestmark = pytest.mark.host

TODAY = int(time.time()) // 86400
UNITS, MAKER = "/etc/systemd/system", "imgtools-ssh-hostkeys.service"
SSHD = "/etc/ssh/sshd_config"


def shadow(line: str) -> dict[str, Content]:
    return {"/etc/shadow": f"root:*:19000:0:99999:7:::\n{line}\n"}


@pytest.mark.parametrize(
    "name", ["account-files", "sudoers", "sshd-config", "ssh-host-keys", "nologin", "machine-id"]
)
def test_a_healthy_guest_needs_none_that_is_asked_by_itself(name: str) -> None:
    assert SHELF[name].operation.default and planned(name, linux()) == () and remarks(name, linux()) == []


# -- passwords and accounts ------------------------------------------------------------------------------------


def test_a_password_is_set_from_a_file_and_is_not_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    words, after = mended("password", linux(), user="ann", secret=f"file:{secret}")
    assert words == ["write /etc/shadow"]
    line = text(after, "/etc/shadow").split("\n")[1]
    assert line.startswith("ann:$y$j9T$") and HASH not in line and line.split(":")[2] == str(TODAY)
    (change,) = planned("password", linux(), user="ann", secret=f"file:{secret}")
    assert (
        isinstance(change, WriteFile)
        and change.private
        and change.what == "set the password of ann (yescrypt)"
    )


@pytest.mark.parametrize(("secret", "field"), [("locked", f"!{HASH}"), ("disabled", "*")])
def test_a_password_is_locked_or_disabled(secret: str, field: str) -> None:
    _words, after = mended("password", linux(), user="ann", secret=secret)
    assert text(after, "/etc/shadow").split("\n")[1].split(":")[1] == field


def test_a_password_that_is_there_already_is_not_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "correct horse")
    there = hash_password(b"correct horse", "sha512")
    guest = linux(shadow(f"ann:{there}:19000:0:99999:7:::"))
    assert planned("password", guest, user="ann", secret="env:SECRET") == ()
    locked = linux(shadow(f"ann:!{there}:19000:0:99999:7:::"))
    assert len(planned("password", locked, user="ann", secret="env:SECRET")) == 1
    assert planned("password", locked, user="ann", secret="locked:env:SECRET") == ()


@pytest.mark.parametrize("secret", ["password:hunter2", "key:hunter2", "hunter2", "ask", "random", "file:"])
def test_a_password_is_never_a_word_of_the_command_line(secret: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_params(SHELF["password"], {"user": "ann", "secret": secret})
    assert "hunter2" not in caught.value.message and "file:PATH, env:NAME" in caught.value.message


def test_who_is_not_there_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    with pytest.raises(NotInGuest):
        planned("password", linux(), user="bob", secret="env:SECRET")


@pytest.mark.parametrize(
    ("line", "mended_line"),
    [
        (f"ann:!{HASH}:19000:0:99999:7:::", f"ann:{HASH}:19000:0:99999:7:::"),
        (f"ann:{HASH}:19000:0:99999:7::18000:", f"ann:{HASH}:19000:0:99999:7:::"),
        (f"ann:{HASH}:100:0:90:7:14::", f"ann:{HASH}:100:0:90:7:::"),
        (f"ann:{HASH}:19000:0:99999:7::{TODAY + 9}:", f"ann:{HASH}:19000:0:99999:7::{TODAY + 9}:"),
        ("ann:!:19000:0:99999:7:::", "ann:!:19000:0:99999:7:::"),
        ("ann:$6$h:1:::::" + "9" * 5000 + ":", "ann:$6$h:1:::::" + "9" * 5000 + ":"),  # no day
    ],
)  # fmt: skip
def test_an_account_is_unlocked(line: str, mended_line: str) -> None:
    _words, after = mended("account-unlock", linux(shadow(line)), user="ann")
    assert text(after, "/etc/shadow").split("\n")[1] == mended_line


def test_an_account_without_a_password_is_told_of_and_counted_failures_go() -> None:
    guest = linux({**shadow("ann:!:1::::::"), "/var/lib/faillock/ann": "x" * 64})
    words, _after = mended("account-unlock", guest, user="ann")
    assert words == ["remove /var/lib/faillock/ann"]
    assert "--only password sets one" in remarks("account-unlock", guest, user="ann")[0]


def test_a_shell_is_given_when_that_is_said() -> None:
    guest = linux({"/etc/passwd": "root:x:0:0::/root:/bin/bash\nann:x:9:9::/home/ann:/usr/sbin/nologin\n"})
    assert planned("account-unlock", guest, user="ann") == ()
    assert "shell=yes" in remarks("account-unlock", guest, user="ann")[0]
    _words, after = mended("account-unlock", guest, user="ann", shell="yes")
    assert "ann:x:9:9::/home/ann:/bin/bash" in text(after, "/etc/passwd")


@pytest.mark.parametrize("name", ["password", "account-unlock"])
def test_the_user_has_to_be_said(name: str) -> None:
    with pytest.raises(UsageError, match="the parameter user is missing"):
        make_params(SHELF[name], {})


# -- account files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "path", "said"),
    [
        ({"/etc/passwd": ""}, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
        ({"/etc/passwd": b"\0" * 300}, "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
        ({"/etc/passwd": "ann:x:1:1::/:/bin/sh\n"}, "/etc/passwd",
         "root:x:0:0:root:/root:/bin/bash\nann:x:1:1::/:/bin/sh\n"),
        ({"/etc/shadow": ""}, "/etc/shadow", "root:!:19000:0:99999:7:::\n"),
        ({"/etc/shadow": "ann:*:::::::\n", "/etc/shadow-": ""}, "/etc/shadow", "root:*:::::::\nann:*:::::::\n"),
        ({"/etc/group": ""}, "/etc/group", "root:x:0:\n"),
        ({"/etc/group": "root:x:0:\nann:x:\nadm:x:4:\n", "/etc/group-": "root:x:0:\nann:x:7:\n"}, "/etc/group",
         "root:x:0:\nann:x:7:\nadm:x:4:\n"),
        ({"/etc/passwd": "bob:cut\nann:x:9:9::/:/bin/sh\n", "/etc/passwd-": ""}, "/etc/passwd",
         "root:x:0:0:root:/root:/bin/bash\n#bob:cut\nann:x:9:9::/:/bin/sh\n"),
        ({"/etc/shadow": "root:*:::::::\nbob:cut\n"}, "/etc/shadow", "root:*:::::::\n#bob:cut\n"),
    ],
)  # fmt: skip
def test_account_files_are_restored(files: dict[str, Content], path: str, said: str) -> None:
    _words, after = mended("account-files", linux(files))
    assert text(after, path) == said


def test_an_account_file_that_is_gone_comes_back_with_its_mode() -> None:
    (change,) = planned("account-files", linux(without=("/etc/shadow",)))
    assert isinstance(change, WriteFile) and (change.mode, change.uid, change.gid) == (0o640, 0, 42)
    assert change.private and change.content == b"root:!:19000:0:99999:7:::\n"
    assert planned("account-files", linux(without=("/etc/shadow-",))) == ()  # no gshadow is nothing wrong


def test_names_that_nobody_may_read_are_read_again() -> None:
    guest = linux({"/etc/passwd": Node(content=b"root:x:0:0::/root:/bin/sh\n", mode=0o600)})
    assert planned("account-files", guest) == (SetMode("/etc/passwd", 0o644),)


# -- sudo ------------------------------------------------------------------------------------------------------


def test_owners_and_modes_of_sudo() -> None:
    guest = linux(
        {
            "/etc/sudoers": Node(content=b"root ALL=(ALL) ALL\n", mode=0o666),
            "/etc/sudoers.d/ann": Node(content=b"ann ALL=(ALL) ALL\n", mode=0o440, uid=1000, gid=1000),
            "/usr/bin/sudo": Node(mode=0o755),
        }
    )
    words, after = mended("sudoers", guest)
    assert words == [
        "mode 0440 /etc/sudoers",
        "owner 0:0 /etc/sudoers.d/ann",
        "mode 4755 /usr/bin/sudo",
    ]
    assert after.files.stat("/etc/sudoers.d/ann").uid == 0


def test_a_line_of_sudoers_that_does_not_parse_is_commented_out_and_the_others_stay() -> None:
    content = b"Defaults env_reset\nroot ALL=(ALL:ALL) ALL\nann ALL=(ALL \\\n  ALL\n%sudo ALL=(ALL) ALL\n"
    _words, after = mended("sudoers", linux({"/etc/sudoers": Node(content=content, mode=0o440)}))
    lines = text(after, "/etc/sudoers").split("\n")
    assert [line for line in lines if not line.startswith("#")] == [
        "Defaults env_reset", "root ALL=(ALL:ALL) ALL", "%sudo ALL=(ALL) ALL", "",
    ]  # fmt: skip
    assert lines[2].startswith("# imgtools: ") and lines[3].startswith("# ann ALL=(ALL")


def test_a_drop_in_without_a_rule_and_one_that_is_no_text() -> None:
    guest = linux(
        {"/etc/sudoers.d/ann": "ann ALL=(ALL\n", "/etc/sudoers.d/zero": b"\0" * 9, "/etc/sudoers.d/a.b": "("}
    )
    words, after = mended("sudoers", guest)
    assert words == ["write /etc/sudoers.d/ann", "move /etc/sudoers.d/zero to /etc/sudoers.d/zero.imgtools"]
    assert all(line.startswith("#") or not line for line in text(after, "/etc/sudoers.d/ann").split("\n"))


@pytest.mark.parametrize("content", [b"", b"\0" * 50, b"root ALL ALL\n"])
def test_of_a_sudoers_that_lets_nobody_act_a_short_one_is_made(content: bytes) -> None:
    _words, after = mended("sudoers", linux({"/etc/sudoers": Node(content=content, mode=0o440)}))
    said = text(after, "/etc/sudoers")
    assert "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n" in said
    assert after.files.stat("/etc/sudoers").mode == 0o440


def test_a_sudoers_that_is_gone() -> None:
    (change,) = planned("sudoers", linux(without=("/etc/sudoers",)))
    assert isinstance(change, WriteFile) and change.mode == 0o440
    assert SHELF["sudoers"].operation.lacking(linux(without=("/usr/bin/sudo",))) == "no sudo"


# -- the SSH server --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("PermitRootLogn yes", "no such keyword: permitrootlogn"),
        ("PasswordAuthentication maybe", "not a value of passwordauthentication: maybe"),
        ("UsePAM", "usepam has no value"),
        ("Port 99999", "no such port: 99999"),
        ('Banner "/etc/issue', "a quote does not end"),
        ("Match Users ann", "no such criterion of Match: Users"),
        ("MaxAuthTries six", "not a number for maxauthtries: six"),
    ],
)
def test_a_line_that_sshd_does_not_understand_is_commented_out(line: str, reason: str) -> None:
    _words, after = mended("sshd-config", linux({SSHD: f"Port 22\n{line}\n"}))
    assert text(after, SSHD) == f"Port 22\n# imgtools: {reason}\n# {line}\n"


@pytest.mark.parametrize(
    "line",
    [
        "PasswordAuthentication=no", "Port ssh", "Match all", "Match Address 10.0.0.0/8 User ann", "#Bad line",
        'AuthorizedKeysFile ".ssh/a b" .ssh/c # comment', "DebianBanner no", "GSSAPIKeyExchange no", "LogLevel DEBUG3",
        "Subsystem sftp internal-sftp", "MaxStartups 10:30:100", "AllowUsers ann bob@10.*",
    ],
)  # fmt: skip
def test_a_line_that_sshd_understands_stays(line: str) -> None:
    assert planned("sshd-config", linux({SSHD: f"{line}\n"})) == ()


def test_a_keyword_that_the_guest_s_own_server_has_is_none_that_is_wrong() -> None:
    server = {"/usr/sbin/sshd": b"\x7fELF\0port\0futureword\0usepam\0"}
    guest = linux({SSHD: "FutureWord yes\nPastWord yes\n", **server})
    _words, after = mended("sshd-config", guest)
    assert text(after, SSHD) == "FutureWord yes\n# imgtools: no such keyword: pastword\n# PastWord yes\n"


def test_what_stands_in_a_block_that_nobody_matches_is_not_said_for_all() -> None:
    guest = linux(
        {SSHD: "Match Usr ann\n  PasswordAuthentication no\n\nMatch User bob\n  UsePAM no\n  Banner none\n"}
    )
    _words, after = mended("sshd-config", guest)
    said = [line for line in text(after, SSHD).split("\n") if line and not line.startswith("#")]
    assert said == ["Match User bob", "  Banner none"]


def test_an_included_file_is_mended_in_its_place() -> None:
    more = "/etc/ssh/sshd_config.d/50-x.conf"
    guest = linux({SSHD: "Include /etc/ssh/sshd_config.d/*.conf\n", more: "Prot 22\n"})
    words, _after = mended("sshd-config", guest)
    assert words == [f"write {more}"]


def test_a_configuration_that_is_no_text_becomes_the_distribution_s() -> None:
    own = {"/usr/share/openssh/sshd_config": "Include x\n"}
    words, after = mended("sshd-config", linux({SSHD: b"\0" * 400, **own}))
    assert (
        words == [f"move {SSHD} to {SSHD}.imgtools", f"write {SSHD}"] and text(after, SSHD) == "Include x\n"
    )
    gone = linux({"/etc/pam.d/sshd": ""}, without=(SSHD,))
    _words, after = mended("sshd-config", gone)
    assert text(after, SSHD) == "UsePAM yes\n"
    suse = linux({"/usr/etc/ssh/sshd_config": "UsePAM yes\n"}, without=(SSHD,))
    assert planned("sshd-config", suse) == ()


def test_host_keys() -> None:
    key = "/etc/ssh/ssh_host_ed25519_key"
    assert planned("ssh-host-keys", linux({key: Node(content=b"k", mode=0o644)})) == (SetMode(key, 0o600),)
    assert planned("ssh-host-keys", linux({key: Node(content=b"k", mode=0o640, gid=998)})) == ()  # Fedora's
    words, _after = mended("ssh-host-keys", linux({key: ""}))
    assert words == [
        f"remove {key}",
        f"make directory {UNITS}/multi-user.target.wants",
        f"write {UNITS}/{MAKER}",
        f"link {UNITS}/multi-user.target.wants/{MAKER} -> {UNITS}/{MAKER}",
    ]
    fedora = linux({"/usr/lib/systemd/system/sshd-keygen@.service": ""}, without=(key,))
    assert planned("ssh-host-keys", fedora) == ()
    (now,) = planned("ssh-host-keys", fedora, now="yes")
    assert now.what == "ssh-keygen -A"  # type: ignore[union-attr]


# -- root ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("UsePAM yes\n", "UsePAM yes\nPermitRootLogin yes\n"),
        ("PermitRootLogin no\nUsePAM yes\n", "PermitRootLogin yes\nUsePAM yes\n"),
        ("A x\n\nMatch User ann\n  PermitTTY no\n", "A x\nPermitRootLogin yes\n\nMatch User ann\n  PermitTTY no\n"),
        ("PermitRootLogin yes\nMatch User root\n  PermitRootLogin no\n",
         "PermitRootLogin yes\nMatch User root\n  PermitRootLogin yes\n"),
        ("PermitRootLogin yes\nMatch Address 10.*\n  PermitRootLogin no\n",
         "PermitRootLogin yes\nMatch Address 10.*\n  PermitRootLogin no\n"),
        ("AllowUsers ann\nDenyUsers root bob\nPermitRootLogin yes",
         "AllowUsers ann root\nDenyUsers bob\nPermitRootLogin yes"),
    ],
)  # fmt: skip
def test_root_may_log_in_over_ssh(said: str, wanted: str) -> None:
    _words, after = mended("root-login", linux({SSHD: said}))
    assert text(after, SSHD) == wanted


def test_root_may_log_in_on_the_consoles_and_with_a_shell() -> None:
    guest = linux({"/etc/securetty": "tty1\n", "/etc/passwd": "root:x:0:0::/root:/sbin/nologin\n"})
    _words, after = mended("root-login", guest, ssh="leave")
    assert text(after, "/etc/securetty") == "tty1\nconsole\nttyS0\nhvc0\n"
    assert text(after, "/etc/passwd") == "root:x:0:0::/root:/bin/bash\n"
    _words, after = mended("root-login", linux(), ssh="prohibit-password")
    assert "PermitRootLogin prohibit-password\nMatch User ann" in text(after, SSHD)


def test_nologin_goes_wherever_it_is() -> None:
    words, _after = mended(
        "nologin", linux({"/etc/nologin": "", "/run/nologin": "", "/var/run": link("/run")})
    )
    assert words == ["remove /etc/nologin", "remove /run/nologin"]
