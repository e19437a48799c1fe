"""Checks of sudo, doas and polkit: what each finds, where it is silent, and what its fix leaves."""

from __future__ import annotations

import pytest

from imgtools.guest.health.sudo_state import syntax_faults
from imgtools.records.audit import Level, Result
from tests.support.checks import Case, hold, places, report_after_fixes, report_of
from tests.support.memory import Content, Node, directory

S = "/etc/sudoers"
D = "/etc/sudoers.d"
RULES = "/etc/polkit-1/rules.d/9.rules"
PKLA = "/etc/polkit-1/localauthority/50-local.d/a.pkla"
YES = "polkit.addRule(function(action, subject) {\n  if (%s) {\n    return polkit.Result.YES;\n  }\n});\n"


def sudo(*lines: str, version: str = "1.9.13p3", **files: Content) -> dict[str, Content]:
    """A guest with sudo and these lines of sudoers; one is always there."""
    text = "".join(f"{one}\n" for one in ("root ALL=(ALL:ALL) ALL", *lines))
    there: dict[str, Content] = {S: Node(content=text.encode(), mode=0o440)}
    return {"/usr/bin/sudo": f"\x7fELF\0{version}\0", **there, **files}


def line(check_id: str, bad: str, good: str, *, subject: str = "", fixed: bool = False, **set: str) -> Case:
    """A case of one line."""
    return Case(check_id, sudo(bad), (f"{S}:2 {subject}".strip(),), sudo(good), fixed=fixed, set=set)


CASES = (
    line("sudo-nopasswd", "ann ALL=(ALL) NOPASSWD:ALL", "ann ALL=(ALL) NOPASSWD: PASSWD: ALL", subject="ann"),
    line("sudo-nopasswd", "ann ALL=/a, NOPASSWD:/b,/c", "root ALL=NOPASSWD: ALL", subject="ann"),
    line("sudo-nopasswd", "%wheel h1=/a : h2 = (root) NOPASSWD: /b", "# ann ALL=NOPASSWD: ALL", subject="%wheel"),
    Case(
        "sudo-nopasswd",
        bad={"/etc/doas.conf": "# permit nopass eve\npermit persist ann\npermit nopass keepenv :wheel as root\n"},
        finds=("/etc/doas.conf:3 :wheel",),
        good={"/etc/doas.conf": "permit persist :wheel\ndeny nopass\n"},
    ),
    Case(
        "sudo-nopasswd",
        bad=sudo(
            f"@includedir {D}",
            **{f"{D}/a": "User_Alias X = ann, \\\n  bob\n\nX ALL=NOPASSWD: ALL\n", f"{D}/b.c": "e ALL=NOPASSWD: ALL\n"},
        ),
        finds=(f"{D}/a:4 ann, bob",),
        good=sudo(**{f"{D}/a": "ann ALL=NOPASSWD: ALL\n"}),  # nobody reads the folder
    ),
    line("sudo-authenticate", "Defaults use_pty, !authenticate", "Defaults authenticate"),
    line("sudo-authenticate", "Defaults:ann !authenticate", "Defaults !!authenticate", subject=":ann"),
    line("sudo-all-rights", "ann ALL=(ALL) ALL", "%sudo ALL=(ALL:ALL) ALL", subject="ann"),
    line("sudo-all-rights", "%staff ALL = ALL", "ann ALL=(www) ALL", subject="%staff"),
    line("sudo-all-rights", "ALL ALL=(ALL) ALL", "ann ALL=(ALL) /bin/ls", subject="ALL"),
    line("sudo-all-rights", "%wheel ALL=(ALL) ALL", "%ops ALL=(ALL) ALL", subject="%wheel", groups="ops"),
    Case("sudo-all-rights", sudo("ALL ALL=(ALL) ALL"), (f"{S}:2 ALL",), sudo("Defaults targetpw", "ALL ALL=(ALL) ALL")),
    line("sudo-wildcards", "ann ALL=/bin/cat /var/log/*", "ann ALL=/bin/cat /var/log/\\*", subject="ann"),
    line("sudo-wildcards", "ann ALL=/opt/*/run", "ann ALL=ALL, !/bin/su*", subject="ann"),
    line("sudo-wildcards", "ann ALL=/bin/cat ^/var/.*$", "ann ALL=/bin/cat ^[a-z]+$", subject="ann"),
    line("sudo-exclusions", "ann ALL=ALL, !/bin/su", "ann ALL=/bin/ls, !/bin/su", subject="ann"),
    Case(
        "sudo-exclusions",
        sudo("Cmnd_Alias SHELLS = /bin/sh, /bin/su : OTHER = /x", "ann ALL=ALL, !SHELLS"),
        (f"{S}:3 ann",),
        sudo("Cmnd_Alias NONE = !ALL", "ann ALL=!NONE"),
    ),
    line("sudo-escapes", "ann ALL=/usr/bin/vim /etc/motd", "ann ALL=NOEXEC:/usr/bin/vim", subject="ann vim"),
    line("sudo-escapes", "ann ALL=sha256:abc /bin/bash", "ann ALL=sudoedit /etc/motd", subject="ann bash"),
    Case(
        "sudo-command-modes",
        sudo("ann ALL=/opt/run, /opt/two -x", **{"/opt/run": Node(mode=0o757), "/opt/two": Node(uid=1000)}),
        ("/opt/run /opt/run", "/opt/two /opt/two"),
        sudo("ann ALL=/opt/run", **{"/opt/run": Node(mode=0o775)}),
    ),
    Case(
        "sudo-command-modes",
        sudo("ann ALL=/opt/a/gone", **{"/opt/a": directory(0o777)}),
        ("/opt/a /opt/a/gone",),
        sudo("ann ALL=/opt/a/gone", **{"/opt/a": directory(0o755)}),
    ),
    Case("sudo-use-pty", sudo("# Defaults use_pty"), (S,), sudo("Defaults use_pty"), fixed=True),
    Case("sudo-use-pty", sudo("Defaults !use_pty", version="1.9.14"), (f"{S}:2",), sudo(version="1.9.14"), fixed=True),
    Case("sudo-logfile", sudo(f"#includedir {D}", **{f"{D}/README": "# x\n"}), (S,),
         sudo('Defaults logfile="/var/log/sudo.log"'), fixed=True),
    Case("sudo-logfile", sudo("Defaults !syslog"), (S,), sudo("Defaults !syslog, logfile=/x"), fixed=True),
    line("sudo-timestamp", "Defaults timestamp_timeout=16", "Defaults timestamp_timeout=15", fixed=True),
    line("sudo-timestamp", "Defaults timestamp_timeout = -1", "Defaults timestamp_timeout=0.5", fixed=True),
    line("sudo-environment", "Defaults !env_reset", "Defaults env_reset"),
    line("sudo-environment", 'Defaults env_keep += "LANG LD_PRELOAD"', 'Defaults env_keep += "LANG"'),
    line("sudo-environment", 'Defaults:ann env_keep = "*"', 'Defaults env_keep -= "X"', subject=":ann"),
    Case(
        "sudo-file-modes",
        {**sudo(), S: Node(content=f"@includedir {D}\n".encode(), mode=0o644), D: directory(0o775),
         f"{D}/a": Node(mode=0o460)},
        (S, f"{D}/a", D),
        {**sudo(), D: directory(0o777), f"{D}/a": Node(mode=0o666)},
        fixed=True,
    ),
    Case("sudo-file-modes", {**sudo(), S: Node(uid=1, mode=0o440)}, (S,), {S: Node(mode=0o666)}),
    Case(
        "sudo-polkit",
        {RULES: "// x\n" + YES % "subject.isInGroup('wheel')"},
        (f"{RULES}:2",),
        {RULES: YES % "action.id == 'a.b' && subject.local"},
    ),
    Case("sudo-polkit", {RULES: YES % "true"}, (f"{RULES}:1",), {RULES: f"/*\n{YES % 'true'}*/\n"}),
    Case(
        "sudo-polkit",
        {PKLA: "[a]\nIdentity=x\nAction=b\nResultAny=yes\n[all]\nIdentity=unix-group:x\nAction=*\nResultActive=yes\n"},
        (f"{PKLA}:5",),
        {PKLA: "[all]\nIdentity=unix-group:x\nAction=*\nResultActive=auth_admin\n"},
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


def test_all_without_a_password_weighs_more_than_one_command() -> None:
    files = sudo("ann ALL=NOPASSWD: /bin/ls", "bob ALL=NOPASSWD: ALL")
    found = report_of(Case("sudo-nopasswd", {}, ()), files).findings
    assert [one.severity for one in found] == [Level.MEDIUM, Level.HIGH]


def test_everybody_as_root_is_critical() -> None:
    found = report_of(Case("sudo-all-rights", {}, ()), sudo("ALL ALL=(ALL) NOPASSWD: ALL")).findings
    assert [one.severity for one in found] == [Level.CRITICAL]


def test_a_version_that_nobody_can_tell_is_not_decidable() -> None:
    assert report_of(Case("sudo-use-pty", {}, ()), sudo(version="")).result is Result.UNDECIDED


def test_settings_go_into_a_drop_in_that_is_read_last() -> None:
    case = Case("sudo-use-pty", sudo(f"@includedir {D}", **{f"{D}/z": "Defaults !use_pty\n"}), (f"{D}/z:1",))
    assert places(report_of(case, case.bad)) == case.finds
    assert report_after_fixes(case).result is Result.PASS


@pytest.mark.host
@pytest.mark.parametrize(
    "text", ["Defaults use_pty", 'Defaults logfile="/var/log/sudo.log"', "Defaults timestamp_timeout=15"]
)
def test_visudo_takes_what_fixes_write(text: str) -> None:
    assert not syntax_faults(f"{text}\n".encode())


def test_a_guest_without_sudo_is_not_applicable() -> None:
    report = report_of(Case("sudo-nopasswd", {}, ()), {S: "ann ALL=NOPASSWD: ALL\n"})
    assert (report.result, report.reason) == (Result.NOT_APPLICABLE, "no sudo")


@pytest.mark.parametrize(
    "text",
    [
        f"@include {S}\n" * 40,
        f"#includedir {D}\n" * 40,
        "ann ALL=" + "PASSWD:" * 20_000 + "/x\n",
        "".join(f"ann ALL=/a{','.join(['/x'] * 300)}\n" for _ in range(100)),
    ],
    ids=["include", "includedir", "tags", "rules"],
)
def test_hostile_rules_end_in_an_error_of_the_check(text: str) -> None:
    files = {**sudo(), S: text, f"{D}/a": f"@includedir {D}\n" * 40}
    report = report_of(Case("sudo-wildcards", {}, ()), files)
    assert report.result is Result.ERROR, report


def test_aliases_of_aliases_do_not_multiply() -> None:
    text = "".join(f"Cmnd_Alias A{one} = A{one + 1}, A{one + 1}, /x{one}\n" for one in range(15))
    report = report_of(Case("sudo-wildcards", {}, ()), {**sudo(), S: text + "A15 = A0\nann ALL=A0, /a*\n"})
    assert len(report.findings) == 1
