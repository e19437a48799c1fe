"""Checks of accounts: what each finds, where it is silent, and that its fix makes it silent."""

from __future__ import annotations

import pytest

from imgtools.guest.accounts.users import GROUP, GSHADOW, PASSWD, SHADOW
from imgtools.records.audit import Level, Result
from tests.support.checks import TODAY, Case, hold, report_of
from tests.support.memory import Content, Node, directory
from tests.support.public_keys import DSA, ED25519, line_of, rsa

HASH = "$y$j9T$abcdefghijklmnop"
TODAY_IN_DAYS = 20605
ACCOUNTS = (
    "root:x:0:0::/root:/bin/sh\nbin:x:1:1::/bin:/usr/sbin/nologin\nann:x:1000:1000::/home/ann:/bin/sh\n"
)
GROUPS = "root:x:0:\nbin:x:1:\nshadow:x:42:\nsudo:x:27:ann\nann:x:1000:\n"
BOTH: dict[str, Content] = {
    PASSWD: ACCOUNTS,
    GROUP: GROUPS,
    "/home/ann": Node(directory().kind, mode=0o750, uid=1000),
}
GOOD: dict[str, Content] = {
    **BOTH,
    SHADOW: f"root:*:20000:0:99999:7:::\nbin:!*:20000::::::\nann:{HASH}:{TODAY_IN_DAYS}:1:365:7:45::\n",
    "/root": Node(directory().kind, mode=0o700),
}
SSH = "/home/ann/.ssh/authorized_keys"


def passwd(*lines: str, **files: Content) -> dict[str, Content]:
    """A guest with these accounts besides."""
    return {**GOOD, PASSWD: ACCOUNTS + "".join(f"{one}\n" for one in lines), **files}


def shadow(entry: str) -> dict[str, Content]:
    """A guest in which ann has this line of shadow."""
    return {**GOOD, SHADOW: f"root:*:1::::::\nann:{entry}\n"}


def group(*lines: str) -> dict[str, Content]:
    """A guest with these groups besides."""
    return {**GOOD, GROUP: GROUPS + "".join(f"{one}\n" for one in lines)}


def home(mode: int, uid: int = 1000) -> dict[str, Content]:
    """A guest in which the home of ann is so."""
    return {**GOOD, "/home/ann": Node(directory().kind, mode=mode, uid=uid)}


def in_home(**files: Content) -> dict[str, Content]:
    """A guest with these files in the home of ann."""
    return {**GOOD, **{f"/home/ann/{name}": content for name, content in files.items()}}


def keys(*lines: str, path: str = SSH) -> dict[str, Content]:
    """A guest with these keys."""
    return {**GOOD, path: "".join(f"{one}\n" for one in lines)}


CASES = (
    Case("account-empty-password", bad=shadow(":1::::::"), finds=("/etc/shadow:2 ann",), good=GOOD),
    Case(
        "account-empty-password",  # bob is an administrator and stays
        bad={
            **GOOD,
            PASSWD: f"{ACCOUNTS}bob:x:1001:27::/home/bob:/bin/sh\nlp::7:7::/:/bin/false\n",
            SHADOW: f"root:*:1::::::\nann::1::::::\nbob:{HASH}:1::::::\n",
            "/etc/sudoers": "%sudo ALL=(ALL) ALL\n",
        },
        finds=("/etc/shadow:2 ann", "/etc/passwd:5 lp"),
        good=shadow("!:1::::::"),
        fixed=True,
    ),
    Case("account-weak-hash", bad=shadow("$1$abcdefgh$12345:1::::::"), finds=("/etc/shadow:2 ann",), good=GOOD),
    Case("account-weak-hash", bad=shadow("abcdefghijklm:1::::::"), finds=("/etc/shadow:2 ann",),
         good=shadow("!abcdefghijklm:1::::::")),
    Case("account-weak-hash", bad=shadow("$6$rounds=4999$abcdefgh$1:1::::::"), finds=("/etc/shadow:2 ann",),
         good=shadow("$6$rounds=5000$abcdefgh$1:1::::::")),
    Case("account-weak-hash", bad=shadow("$5$abcdefgh$12345:1::::::"), finds=("/etc/shadow:2 ann",),
         good=shadow("$2b$12$abcdefgh12345:1::::::")),
    Case("account-second-root", bad=passwd("toor:x:0:5::/:/bin/sh"), finds=("/etc/passwd:4 toor",), good=GOOD),
    Case(
        "account-root-group",
        bad={**passwd("eve:x:1001:0::/:/bin/sh", "sync:x:5:0::/:/bin/sync"), GROUP: GROUPS + "also:x:0:\n"},
        finds=("/etc/passwd:4 eve", "/etc/group:6 also"),
        good=passwd("halt:x:7:0:halt:/sbin:/sbin/halt"),
    ),
    Case("account-duplicate-uid", bad=passwd("a:x:1000:5::/:/bin/sh", "r:x:0:0::/:/x"), finds=("/etc/passwd:4 a",),
         good=passwd("a:x:1001:1000::/:/bin/sh")),
    Case("account-duplicate-name", bad=passwd("ann:x:1001:5::/:/bin/sh"), finds=("/etc/passwd:4 ann",), good=GOOD),
    Case("account-duplicate-gid", bad=group("a:x:1000:"), finds=("/etc/group:6 a",), good=group("a:x:1001:")),
    Case("account-duplicate-group", bad=group("ann:x:1:"), finds=("/etc/group:6 ann", ), good=group("a:x:7:")),
    Case(
        "account-group-missing",
        bad=passwd("a:x:1001:1001::/:/bin/sh"),
        finds=("/etc/passwd:4 a",),
        good={**passwd("a:x:1001:1001::/:/bin/sh"), "/usr/lib/group": "nfs:x:1001:\n"},
    ),
    Case("account-nis-lines", bad=passwd("+:::0:0:::", "+@net"), finds=("/etc/passwd:4 +", "/etc/passwd:5 +@net"),
         good=passwd("-x", "# +"), fixed=True),
    Case("account-nis-lines", bad=passwd("+", **{"/etc/nsswitch.conf": "passwd: compat\n"}),
         finds=("/etc/passwd:4 +",), good=GOOD),
    Case(
        "account-system-shell",
        bad=passwd("svc:x:999:1::/:/bin/bash", "two:x:998:1::/:", "old:x:7:1::/sbin:/sbin/halt"),
        finds=("/etc/passwd:4 svc", "/etc/passwd:5 two"),
        good=passwd("a:x:1001:1::/:/bin/sh", "b:x:999:1::/:/sbin/nologin"),
    ),
    Case("account-system-shell", bad=passwd("svc:x:499:1::/:/bin/sh", **{"/etc/login.defs": "UID_MIN 500\n"}),
         finds=("/etc/passwd:4 svc",), good=passwd("svc:x:500:1::/:/bin/sh", **{"/etc/login.defs": "UID_MIN 500\n"})),
    Case("account-system-shell", bad=passwd("svc:x:9:1::/:/bin/sh"), finds=("/etc/passwd:4 svc",), good=GOOD,
         set={"allowed": "other"}),
    Case(
        "account-system-password",
        bad={**GOOD, SHADOW: f"bin:{HASH}:1::::::\n"},
        finds=("/etc/shadow:1 bin",),
        good={**GOOD, SHADOW: f"bin:!{HASH}:1::::::\nroot:{HASH}:1::::::\n"},
    ),
    Case("account-home-missing", bad=passwd("a:x:1001:1::/home/a:/bin/sh"), finds=("/etc/passwd:4 a",),
         good=passwd("svc:x:99:1::/gone:/bin/sh", "b:x:1001:1::/gone:/sbin/nologin")),
    Case("account-home-owner", bad=home(0o750, 1001), finds=("/home/ann ann",), good=GOOD),
    Case("account-home-mode", bad=home(0o751), finds=("/home/ann ann",), good=home(0o750)),
    Case("account-home-mode", bad=home(0o770), finds=("/home/ann ann",), good=home(0o700), fixed=True),
    Case("account-home-mode", bad=home(0o750), finds=("/home/ann ann",), good=home(0o700) ,
         set={"widest": "0700"})._replace(good={**home(0o700), "/root": Node(directory().kind, mode=0o700)}),
    Case(
        "account-dot-files",
        bad=in_home(**{
            ".profile": Node(mode=0o664, uid=1000), ".netrc": Node(mode=0o640, uid=1000),
            ".ssh": Node(directory().kind, mode=0o770, uid=1000), ".ssh/id_rsa": Node(mode=0o644, uid=1000),
        }),
        finds=("/home/ann/.profile ann", "/home/ann/.ssh ann", "/home/ann/.netrc ann", "/home/ann/.ssh/id_rsa ann"),
        good=in_home(**{
            ".profile": Node(mode=0o644, uid=1000), ".netrc": Node(mode=0o600, uid=1000), ".hush": Node(mode=0o666),
            ".ssh": Node(directory().kind, mode=0o755, uid=1000), ".ssh/id_rsa.pub": Node(mode=0o644, uid=1000),
        }),
        fixed=True,
    ),
    Case("account-dot-files", bad=in_home(**{".bashrc": Node(uid=1001)}), finds=("/home/ann/.bashrc ann",),
         good=in_home(**{".bashrc": Node(uid=0)})),
    Case(
        "account-trusted-hosts",
        bad={**in_home(**{".rhosts": "# x\nhost\n+ +\n"}), "/etc/hosts.equiv": "\nhost ann\n"},
        finds=("/etc/hosts.equiv:2", "/home/ann/.rhosts:3"),
        good={**in_home(**{".shosts": "# nothing\n"}), "/etc/hosts.equiv": ""},
    ),
    Case("account-not-shadowed", bad=passwd("a:abcdefghijklm:1001:1::/:/bin/sh"), finds=("/etc/passwd:4 a",),
         good=passwd("a:*:1001:1::/:/bin/sh", "b:!!:1002:1::/:/bin/sh")),
    Case("account-group-password", bad={**group("a:abcdefghijklm:7:"), GSHADOW: f"b:{HASH}::\n"},
         finds=("/etc/group:6 a", "/etc/gshadow:1 b"), good={**group("a:*:7:"), GSHADOW: f"b:!{HASH}::\n"}),
    Case(
        "account-shadow-group",
        bad={**passwd("a:x:1001:42::/:/bin/sh"), GROUP: "shadow:x:42:ann\n"},
        finds=("/etc/group:1 ann", "/etc/group:1 a"),
        good=GOOD,
    ),
    Case("account-password-age", bad=shadow(f"{HASH}:{TODAY_IN_DAYS - 364}:0:366:7:::"), finds=("/etc/shadow:2 ann",),
         good=shadow(f"{HASH}:1:0:365:7:::"), fixed=True),
    Case("account-password-age", bad=shadow(f"{HASH}:{TODAY_IN_DAYS - 365}::99999::::"), finds=("/etc/shadow:2 ann",),
         good=shadow(f"!{HASH}:1:0:99999:7:::")),
    Case("account-password-minimum", bad=shadow(f"{HASH}:1:1:365::::"), finds=("/etc/shadow:2 ann",),
         good=shadow(f"{HASH}:1:2:365::::"), fixed=True, set={"least": "2"}),
    Case("account-password-warning", bad=shadow(f"{HASH}:1:0:365:6:::"), finds=("/etc/shadow:2 ann",),
         good=shadow(f"{HASH}:1:0:365:7:::"), fixed=True),
    Case("account-password-warning", bad=shadow(f"{HASH}:1:0:365::::"), finds=("/etc/shadow:2 ann",),
         good=shadow(f"{HASH}:1:0:99999::::"), fixed=True),
    Case("account-inactive", bad=shadow(f"{HASH}:{TODAY_IN_DAYS - 364}:0:365:7:46::"), finds=("/etc/shadow:2 ann",),
         good=shadow(f"{HASH}:1:0:365:7:45::"), fixed=True),
    Case("account-inactive", bad=shadow(f"{HASH}:{TODAY_IN_DAYS - 365}:0:365:7:::"), finds=("/etc/shadow:2 ann",),
         good=shadow(f"{HASH}:1:0::7:::")),
    Case("account-expired", bad=shadow(f"{HASH}:1:::::{TODAY_IN_DAYS}:"), finds=("/etc/shadow:2 ann",),
         good=shadow(f"{HASH}:1:::::{TODAY_IN_DAYS + 1}:"), fixed=True),
    Case("account-password-future", bad=shadow(f"{HASH}:{TODAY_IN_DAYS + 2}::::::"), finds=("/etc/shadow:2 ann",),
         good=shadow(f"{HASH}:{TODAY_IN_DAYS + 1}::::::"), fixed=True),
    Case(
        "account-root-path",
        bad={
            **GOOD,
            "/root/.profile": "# PATH=/hidden:.\nPATH=/open:$PATH:.; export PATH\n",
            "/open": directory(0o777),
        },
        finds=("/open", "/root/.profile:2 ."),
        good={**GOOD, "/root/.profile": "MYPATH=.\nPATH=$HOME/bin:/bin:/gone\n", "/bin/ls": ""},
    ),
    Case(
        "account-root-path",
        bad={
            **GOOD,
            "/etc/login.defs": "ENV_SUPATH PATH=/open:/bin\n",
            "/etc/sudoers": 'Defaults secure_path="/open:/two"\n',
            "/open": directory(0o1777),
            "/two": directory(0o757),
        },
        finds=("/open", "/two"),
        good={**GOOD, "/etc/login.defs": "ENV_PATH PATH=/open\n", "/open": directory(0o777)},
        fixed=True,
    ),
    Case(
        "account-root-path",
        bad={
            **GOOD,
            "/etc/environment": 'PATH="/a:/b"\n',
            "/a": Node(directory().kind, mode=0o2775, gid=50),
            "/b": Node(directory().kind, mode=0o755, uid=7),
        },
        finds=("/a", "/b"),
        good={**GOOD, "/etc/environment": "PATH=/a\n", "/a": directory(0o775)},
    ),
    Case(
        "account-ssh-keys",
        bad=keys("# x", f"{ED25519} ann@a", f'no-pty,environment="A=\\"from=" {rsa(3072)}', "ssh-rsa AAAA bad"),
        finds=(),
        good=keys(f'from="10.0.0.0/8" {ED25519}', f"restrict,pty {rsa(2048)}", f'command="x y" {ED25519}'),
    ),
    Case(
        "account-ssh-key-weak",
        bad=keys(rsa(2047), DSA, f"restrict {rsa(1024)}"),
        finds=(),
        good=keys(rsa(2048), ED25519, line_of("ecdsa-sha2-nistp256", b"nistp256", bytes(65))),
    ),
    Case(
        "account-root-keys",
        bad=keys(ED25519, path="/root/.ssh/authorized_keys"),
        finds=(),
        good=keys(ED25519),
    ),
)  # fmt: skip
# What their findings are named by are fingerprints: looked at below.
BY_FINGERPRINT = ("account-ssh-keys", "account-ssh-key-weak", "account-root-keys")


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.id not in BY_FINGERPRINT], ids=lambda case: case.id
)
def test_check(case: Case) -> None:
    hold(case)


@pytest.mark.parametrize(
    ("id", "lines"),
    list(zip(BY_FINGERPRINT, ((2, 3), (1, 2, 3), (1,)), strict=True)),
    ids=BY_FINGERPRINT,
)
def test_keys_are_listed_by_line(id: str, lines: tuple[int, ...]) -> None:
    case = next(one for one in CASES if one.id == id)
    found = report_of(case, case.bad).findings
    assert tuple(one.line for one in found) == lines
    assert all(one.subject.startswith("SHA256:") and not one.fixable for one in found)
    assert report_of(case, case.good).result is Result.PASS


def test_a_key_is_told_by_type_size_and_comment() -> None:
    case = Case("account-ssh-keys", keys(f"{rsa(3072)} ann@\x1b[31mhome"), ())
    (finding,) = report_of(case, case.bad).findings
    assert finding.evidence.startswith("ssh-rsa 3072 SHA256:")


def test_keys_are_looked_for_where_the_server_looks() -> None:
    files = {
        **keys(ED25519, path="/etc/ssh/keys/ann"),
        **keys(ED25519),
        "/etc/ssh/sshd_config": "AuthorizedKeysFile /etc/ssh/keys/%u\n",
    }
    found = report_of(Case("account-ssh-keys", {}, ()), files).findings
    assert [one.path for one in found] == ["/etc/ssh/keys/ann"]


def test_an_authority_weighs_more_than_a_key() -> None:
    found = report_of(Case("account-ssh-keys", {}, ()), keys(f"cert-authority {ED25519}")).findings
    assert [one.severity for one in found] == [Level.MEDIUM]


def test_today_is_the_day_of_the_tests() -> None:
    assert (TODAY - TODAY.fromordinal(719163)).days == TODAY_IN_DAYS


@pytest.mark.parametrize("id", ["account-empty-password", "account-duplicate-uid", "account-ssh-keys"])
def test_a_line_that_does_not_parse_is_an_error_that_shows_no_hash(id: str) -> None:
    report = report_of(Case(id, {}, ()), {PASSWD: f"ann:{HASH}:x\n"})
    assert report.result is Result.ERROR
    assert "line 1" in report.reason
    assert HASH not in report.reason


def test_no_finding_shows_a_hash() -> None:
    for case in CASES:
        for finding in report_of(case, case.bad).findings:
            shown = f"{finding.text} {finding.evidence} {finding.advice}"
            assert "abcdefgh" not in shown, case.id
