"""Checks of the whole tree and of who may write to what root runs."""

from __future__ import annotations

from typing import Any, cast

import pytest

from imgtools.ops.tree_facts import MOST, MOST_SHOWN, tree_facts
from imgtools.records.audit import Level, Result
from imgtools.records.files import FileKind
from tests.support.checks import Case, audited, chosen, hold, places, report_of
from tests.support.memory import Content, MemoryFilesystem, Node, directory, link

DEB = {"package_format": "deb"}
STATUS = "Package: passwd\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n"
DPKG: dict[str, Content] = {
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/passwd.list": "/.\n/usr\n/usr/bin\n/usr/bin/passwd\n/bin/ping\n",
    "/bin": link("usr/bin"),
    "/usr/bin/sh": "",
    "/usr/bin/passwd": Node(mode=0o4755),
    "/usr/bin/ping": Node(mode=0o755, xattrs={"security.capability": bytes(20)}),
}
GROUP = "root:x:0:\nadm:x:4:\nusers:x:1000:\nalice:x:1000:\n"
BLOCK = Node(FileKind.BLOCK, mode=0o600)
OPEN = Node(mode=0o666)


CASES = (
    Case(
        "file-setid-programs",
        {
            **DPKG,
            "/usr/local/bin/sh": Node(mode=0o4755),
            "/opt/x": Node(mode=0o2711),
            "/opt/y": Node(mode=0o4644),
        },
        ("/opt/x", "/usr/local/bin/sh"),
        DPKG,
        os=DEB,
    ),
    Case(
        "file-capable-programs",
        {**DPKG, "/opt/x": Node(mode=0o755, xattrs={"security.capability": bytes(20)})},
        ("/opt/x",),
        {**DPKG, "/opt/x": Node(mode=0o755, xattrs={"security.selinux": b"x"})},
        os=DEB,
    ),
    Case(
        "file-world-writable",
        {
            "/etc/a": Node(mode=0o646),
            "/usr/bin/b": Node(mode=0o777),
            "/tmp/c": OPEN,
            "/etc/d": link("/etc/a"),
        },
        ("/etc/a", "/usr/bin/b"),
        {"/etc/a": Node(mode=0o664), "/var/tmp/c": OPEN, "/var/lib/docker/overlay2/x": OPEN, "/dev/x": OPEN},
        fixed=True,
    ),
    Case("file-world-writable", {"/srv/a": OPEN}, ("/srv/a",)),
    Case(
        "file-sticky-folders",
        {"/srv/in": directory(0o777), "/srv/out": directory(0o1777), "/srv/dropped": directory(0o2733)},
        ("/srv/dropped", "/srv/in"),
        {"/srv/out": directory(0o1777), "/srv/ours": directory(0o775), "/tmp": directory(0o777)},
        fixed=True,
    ),
    Case(
        "file-tmp-sticky",
        {"/tmp": directory(0o777), "/var/tmp": Node(FileKind.DIRECTORY, mode=0o1777, uid=1000)},
        ("/tmp", "/var/tmp"),
        {"/tmp": directory(0o1777), "/var/tmp": link("/tmp"), "/dev/shm": directory(0o755)},
        fixed=True,
    ),
    Case(
        "file-ownerless",
        {
            "/etc/group": GROUP,
            "/srv/a": Node(uid=1001),
            "/srv/b": Node(gid=1001),
            "/srv/c": Node(uid=1000, gid=1000),
            "/srv/link": Node(FileKind.LINK, target="a", uid=1001),
        },
        ("/srv/a", "/srv/b", "/srv/link"),
        {
            "/etc/group": GROUP,
            "/srv/a": Node(uid=100000, gid=165535),
            "/srv/dynamic": Node(uid=61184, gid=65519),
            "/etc/subuid": "alice:100000:65536\n",
            "/etc/subgid": "alice:100000:65536\n",
        },
    ),
    Case(
        "file-devices",
        {"/srv/disk": BLOCK, "/dev/vda": BLOCK},
        ("/srv/disk",),
        {"/var/lib/chroot/dev/null": Node(FileKind.CHARACTER, mode=0o666), "/dev/vda": BLOCK},
    ),
    Case(
        "file-hidden-programs",
        {
            "/tmp/run": Node(mode=0o755),
            "/var/tmp/.x/run": Node(mode=0o711),
            "/var/www/html/.a.php": Node(mode=0o644),
            "/var/www/html/.b": Node(mode=0o755),
        },
        ("/tmp/run", "/var/tmp/.x/run", "/var/www/html/.a.php", "/var/www/html/.b"),
        {
            "/tmp/text": "",
            "/tmp/.X11-unix": directory(0o1777),
            "/var/www/html/.htaccess": "",
            "/var/www/a.php": "",
        },
    ),
    Case(
        "file-system-owners",
        {
            "/usr/bin/tool": Node(uid=1000),
            "/etc/app": Node(FileKind.DIRECTORY, uid=60000),
            "/usr/lib/x": Node(uid=999),
        },
        ("/etc/app", "/usr/bin/tool"),
        {"/usr/lib/x": Node(uid=999), "/etc/nobody": Node(uid=65534), "/usr/local/src/a": Node(uid=1000)},
    ),
    Case(
        "file-account-modes",
        {
            "/etc/passwd": Node(mode=0o646, content=b"root:x:0:0::/:/bin/sh\n"),
            "/etc/group-": Node(mode=0o644, uid=5),
        },
        ("/etc/passwd", "/etc/group-"),
        {"/etc/passwd": Node(mode=0o644), "/etc/group": Node(mode=0o664, gid=0)},
        fixed=True,
    ),
    Case(
        "file-shadow-owner",
        {"/etc/shadow": Node(mode=0o640, uid=1000), "/etc/gshadow": Node(mode=0o660, gid=42)},
        ("/etc/shadow", "/etc/gshadow"),
        {"/etc/shadow": Node(mode=0o640, gid=42), "/etc/gshadow": Node(mode=0)},
        fixed=True,
    ),
    Case(
        "file-sudoers-mode",
        {
            "/etc/sudoers": Node(mode=0o442),
            "/etc/sudoers.d": directory(0o770),
            "/etc/sudoers.d/a": Node(uid=1000),
        },
        ("/etc/sudoers", "/etc/sudoers.d/a"),
        {"/etc/sudoers": Node(mode=0o440), "/etc/sudoers.d/a": Node(mode=0o644)},
        fixed=True,
    ),
    Case(
        "file-pam-modes",
        {"/etc/pam.d/sshd": Node(mode=0o666), "/etc/login.defs": Node(mode=0o644)},
        ("/etc/pam.d/sshd",),
        {"/etc/pam.d/sshd": Node(mode=0o644)},
        fixed=True,
    ),
    Case(
        "file-shell-startup",
        {"/etc/profile.d/a.sh": Node(uid=1000), "/etc/environment": Node(mode=0o664, gid=1000)},
        ("/etc/profile.d/a.sh", "/etc/environment"),
        {"/etc/profile.d/a.sh": Node(mode=0o755), "/etc/environment": Node(mode=0o644)},
        fixed=True,
    ),
    Case(
        "file-cron-modes",
        {"/etc/crontab": Node(mode=0o666), "/etc/cron.daily/job": Node(mode=0o755, uid=1000)},
        ("/etc/crontab", "/etc/cron.daily/job"),
        {"/etc/crontab": Node(mode=0o644), "/etc/cron.daily/job": Node(mode=0o755)},
        fixed=True,
    ),
    Case(
        "file-cron-tables",
        {
            "/var/spool/cron/crontabs/alice": Node(mode=0o600, uid=105),
            "/var/spool/cron/crontabs/root": Node(mode=0o622),
        },
        ("/var/spool/cron/crontabs/alice", "/var/spool/cron/crontabs/root"),
        {
            "/var/spool/cron/crontabs/alice": Node(mode=0o600, uid=1000),
            "/var/spool/cron/root": Node(mode=0o600),
        },
        fixed=True,
    ),
    Case(
        "file-cron-tables",
        {"/var/spool/cron/mallory": Node(mode=0o600, uid=1000)},
        ("/var/spool/cron/mallory mallory",),
    ),
    Case(
        "file-cron-access",
        {"/usr/bin/crontab": "", "/etc/cron.deny": ""},
        ("/etc/cron.allow",),
        {"/usr/bin/crontab": "", "/etc/cron.allow": "root\n"},
    ),
    Case(
        "file-at-access",
        {"/usr/bin/at": "", "/etc/at.deny": "alice\n"},
        ("/etc/at.allow",),
        {"/usr/bin/at": ""},  # without both lists only root may (at.allow(5))
    ),
    Case(
        "file-cron-programs",
        {
            "/etc/crontab": "SHELL=/bin/sh\n17 * * * * root cd / && /home/alice/backup.sh\n1 1 * * * alice /srv/x\n",
            "/etc/cron.d/a": "@daily root /opt/tool/run --all\n",
            "/home/alice": Node(FileKind.DIRECTORY, uid=1000),
            "/home/alice/backup.sh": "",
            "/opt/tool": directory(0o777),
            "/opt/tool/run": Node(mode=0o755),
            "/srv/x": OPEN,
        },
        ("/etc/crontab:2 /home/alice/backup.sh", "/etc/cron.d/a:1 /opt/tool/run"),
        {
            "/etc/crontab": "17 * * * * root cd / && /opt/tool/run\n#1 1 * * * root /srv/x\n",
            "/opt/tool/run": Node(mode=0o755),
            "/srv/x": OPEN,
        },
    ),
    Case(
        "file-path-folders",
        {
            "/etc/environment": 'PATH="/usr/bin:.:/opt/bin"\n',
            "/root/.bashrc": "export PATH=$PATH:~/bin::\n",
            "/opt/bin": directory(0o757),
            "/usr/local/bin": Node(FileKind.DIRECTORY, uid=1000),
        },
        ("/usr/local/bin", "/etc/environment:1 .", "/opt/bin", "/root/.bashrc:1 an empty part"),
        {"/etc/environment": 'PATH="/usr/bin:/opt/bin"\n', "/opt/bin": directory(0o755)},
    ),
    Case(
        "file-library-folders",
        {"/etc/ld.so.conf.d/a.conf": "# x\n/opt/lib\n", "/opt/lib": directory(0o777)},
        ("/opt/lib",),
        {"/etc/ld.so.conf.d/a.conf": "/opt/lib\n", "/opt/lib": directory(), "/srv": directory(0o777)},
    ),
    Case(
        "service-unit-files",
        {"/etc/systemd/system/a.service": OPEN, "/usr/lib/systemd/system/b.service": Node(uid=1000)},
        ("/etc/systemd/system/a.service", "/usr/lib/systemd/system/b.service"),
        {"/etc/systemd/system/a.service": link("/dev/null"), "/usr/lib/systemd/system/b.service": ""},
        fixed=True,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


def test_a_new_owner_keeps_the_right_to_run() -> None:
    """chown takes the set-user-ID bits away; whoever may run the file keeps that."""
    case = Case("file-cron-modes", {"/etc/cron.daily/job": Node(mode=0o757, uid=1000)}, ())
    examined = audited(case.bad)
    flaw = next(iter(case.shelved.check.look(examined, chosen(case).params)))
    changes = [(type(one).__name__, getattr(one, "mode", None)) for one in flaw.fix(examined.files)]  # type: ignore[union-attr, misc]
    assert changes == [("SetOwner", None), ("SetMode", 0o755)]


def test_who_comes_from_a_directory_is_not_decided() -> None:
    files: dict[str, Content] = {"/etc/group": GROUP, "/srv/a": Node(uid=70001)}
    case = Case("file-ownerless", {}, ())
    for line, result in (
        ("passwd: files ldap\n", Result.UNDECIDED),
        ("passwd: files sss\n", Result.FAIL),  # Fedora names it whether anybody has set it up or not
        ("passwd: files systemd\n", Result.FAIL),
    ):
        assert report_of(case, {**files, "/etc/nsswitch.conf": line}).result is result
    sssd = {"/etc/nsswitch.conf": "passwd: files sss\n", "/etc/sssd/sssd.conf": ""}
    assert report_of(case, {**files, **sssd}).result is Result.UNDECIDED


def test_without_a_package_database_nobody_knows_whose_a_program_is() -> None:
    files = {"/opt/x": Node(mode=0o4755)}
    case = Case("file-setid-programs", {}, (), os={"package_format": "xbps"})
    assert report_of(case, files).result is Result.UNDECIDED


def test_many_files_are_a_bounded_number_of_findings() -> None:
    files: dict[str, Content] = {f"/srv/{number}": OPEN for number in range(MOST_SHOWN + 3)}
    report = report_of(Case("file-world-writable", {}, ()), files)
    assert len(report.findings) == MOST_SHOWN + 1
    assert report.findings[-1].text == "3 more files that everybody may write to"


def test_the_walk_is_made_once_and_keeps_a_bounded_number() -> None:
    """All checks of files share it."""
    examined = audited({"/srv/a": OPEN})
    walks: list[str] = []
    walk = examined.files.walk

    class Counted:
        def __getattr__(self, name: str) -> Any:
            return getattr(examined.files, name)

        def walk(self, *words: Any) -> Any:
            walks.append(words[0])
            return walk(*words)

    facts = tree_facts(cast(Any, type("Seen", (), {"files": Counted()})()))
    assert (walks, facts.writable_files.count) == (["/"], 1)
    for _number in range(MOST + 1):
        facts.writable_files.add(facts.writable_files.files[0])
    assert len(facts.writable_files.files) == MOST


def test_a_folder_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from imgtools.errors import OddGuest

    examined = audited({"/srv/lost/a": OPEN})
    scan = MemoryFilesystem.scan

    def damaged(self: MemoryFilesystem, path: str) -> Any:
        if path == "/srv/lost":
            raise OddGuest("the folder is damaged")
        return scan(self, path)

    monkeypatch.setattr(MemoryFilesystem, "scan", damaged)
    from imgtools.ops.check import check

    report = check(examined, chosen(Case("file-world-writable", {}, ()))).report
    assert (report.result, report.reason) == (
        Result.UNDECIDED,
        "/srv/lost cannot be read: the folder is damaged",
    )


def test_the_capabilities_of_a_program_are_shown() -> None:
    raw = bytes.fromhex("0100000280000000000000000000000000000000")  # cap_setuid=ep, as setcap writes it
    files = {**DPKG, "/opt/x": Node(mode=0o755, xattrs={"security.capability": raw})}
    report = report_of(Case("file-capable-programs", {}, (), os=DEB), files)
    assert [one.evidence for one in report.findings] == ["cap_setuid=ep"]


def test_hidden_programs_weigh_more() -> None:
    case = next(one for one in CASES if one.id == "file-hidden-programs")
    report = report_of(case, case.bad)
    assert [one.severity for one in report.findings] == [Level.MEDIUM, Level.HIGH, Level.HIGH, Level.HIGH]
    assert places(report) == case.finds


def test_a_list_of_those_who_may_use_at_is_enough() -> None:
    case = next(one for one in CASES if one.id == "file-at-access")
    assert report_of(case, {**case.bad, "/etc/at.allow": ""}).result is Result.PASS
