"""Checks of logging and of the clock."""

from __future__ import annotations

import pytest

from tests.support.checks import Case, hold
from tests.support.memory import Content, Node, directory
from tests.support.services import SYSTEMD, unit, units

JOURNALD = "/etc/systemd/journald.conf"
RSYSLOG = "/etc/rsyslog.conf"
ROTATING: dict[str, Content] = {
    **unit("rsyslog.service"),
    "/usr/sbin/logrotate": "",
    "/etc/logrotate.conf": "",
    "/etc/cron.daily/logrotate": "",
}

CASES = (
    Case(
        "log-kept", SYSTEMD, ("/var/log/journal",), {**SYSTEMD, "/var/log/journal": directory()}, fixed=True
    ),
    Case(
        "log-kept",
        {**SYSTEMD, "/var/log/journal": directory(), JOURNALD: "[Journal]\nStorage=volatile\n"},
        (f"{JOURNALD}:2",),
        {**SYSTEMD, JOURNALD: "[Journal]\nStorage=persistent\n"},
    ),
    Case("log-kept", {"/sbin/openrc": ""}, ("/var/log",), units("rsyslog.service")),
    Case(
        "log-journal-persistent",
        units("rsyslog.service"),
        ("/var/log/journal",),
        {**units("rsyslog.service"), "/var/log/journal": directory()},
        fixed=True,
    ),
    Case(
        "log-journal-compress",
        {**SYSTEMD, JOURNALD: "[Journal]\n#Compress=yes\nCompress = no\n"},
        (f"{JOURNALD}:3",),
        {**SYSTEMD, JOURNALD: "[Journal]\nCompress=no\n", f"{JOURNALD}.d/a.conf": "[Journal]\nCompress=1K\n"},
        fixed=True,
    ),
    Case(
        "log-journal-forward",
        {
            **units("rsyslog.service"),
            JOURNALD: "[Journal]\nForwardToSyslog=no\n",
            RSYSLOG: '# module(load="imjournal")\n',
        },
        (f"{JOURNALD}:2",),
        {
            **units("rsyslog.service"),
            JOURNALD: "[Journal]\nForwardToSyslog=no\n",
            RSYSLOG: 'module(load="imjournal")\n',
        },
        fixed=True,
    ),
    Case("log-audit", SYSTEMD, ("",), units("auditd.service")),
    Case("log-audit", unit("auditd.service", on=False), ("auditd",)),
    Case(
        "log-audit-rules",
        {**units("auditd.service"), "/etc/audit/rules.d/a.rules": "-D\n-b 8192\n# -w /etc/passwd -p wa\n"},
        ("/etc/audit/rules.d",),
        {**units("auditd.service"), "/etc/audit/rules.d/a.rules": "-w /etc/passwd -p wa -k id\n"},
    ),
    Case(
        "log-audit-rules",
        {**units("auditd.service"), "/etc/audit/rules.d/a.rules": "-D\n-a task,never\n"},
        ("/etc/audit/rules.d/a.rules",),
        {"/etc/audit/rules.d/a.rules": "-a task,never\n"},
    ),
    Case(
        "log-file-modes",
        {
            "/var/log/auth.log": Node(mode=0o644, content=b"x"),
            "/var/log/secure-20260101": Node(mode=0o604, content=b"x"),
            "/var/log/app.log": Node(mode=0o646),
            "/var/log/in": directory(0o777),
        },
        ("/var/log/app.log", "/var/log/auth.log", "/var/log/in", "/var/log/secure-20260101"),
        {
            "/var/log/auth.log": Node(mode=0o640, content=b"x"),
            "/var/log/syslog": Node(mode=0o644),  # empty
            "/var/log/wtmp": Node(mode=0o664, content=b"x"),
            "/var/log/lastlog": Node(mode=0o644, content=b"x"),
            "/var/log/dpkg.log": Node(mode=0o644, content=b"x"),
            "/var/log/in": directory(0o1777),
        },
        fixed=True,
    ),
    Case(
        "log-file-create-mode",
        {**units("rsyslog.service"), RSYSLOG: "# $FileCreateMode 0640\n$FileCreateMode 0644\n"},
        (f"{RSYSLOG}:2",),
        {**units("rsyslog.service"), RSYSLOG: "$FileCreateMode 0640\n"},
    ),
    Case(
        "log-file-create-mode",
        {**units("rsyslog.service"), RSYSLOG: "*.* /var/log/all\n"},
        (RSYSLOG,),
        {**units("rsyslog.service"), RSYSLOG: "$umask 0027\n*.* /var/log/all\n"},
    ),
    Case("log-rotation", units("rsyslog.service"), ("/etc/logrotate.conf",), ROTATING),
    Case(
        "log-rotation",
        {path: content for path, content in ROTATING.items() if "cron" not in path},
        ("/etc/logrotate.conf",),
        {**ROTATING, "/etc/cron.daily/logrotate": directory(), **unit("logrotate.timer")},
    ),
    Case(
        "log-remote",
        {**SYSTEMD, RSYSLOG: "#*.* @@log.example:514\nmail.* -/var/log/mail@old\n"},
        ("",),
        {**SYSTEMD, RSYSLOG: "*.* @@log.example:514\n"},
    ),
    Case(
        "log-remote",
        {**SYSTEMD, "/etc/syslog-ng/syslog-ng.conf": '# d { network("a"); };\n'},
        ("",),
        {**SYSTEMD, "/etc/rsyslog.d/a.conf": 'action(type="omfwd" target="log.example" port="514")\n'},
    ),
    Case("log-remote", SYSTEMD, ("",), units("vector.service")),
    Case("log-time-sync", SYSTEMD, ("",), units("systemd-timesyncd.service")),
    Case(
        "log-time-sync",
        units("chrony.service", "ntp.service"),
        ("chronyd ntpd",),
        units("chronyd.service"),
    ),
    Case(
        "log-time-servers",
        {**units("chronyd.service"), "/etc/chrony.conf": "#pool pool.ntp.org\ndriftfile /x\n"},
        ("/etc/chrony.conf",),
        {
            **units("chronyd.service"),
            "/etc/chrony.conf": "sourcedir /x\n",
            "/etc/chrony.d/a.conf": "server a\n",
        },
    ),
    Case(
        "log-time-servers",
        {**units("ntp.service"), "/etc/ntp.conf": "driftfile /x\n"},
        ("/etc/ntp.conf",),
        units("systemd-timesyncd.service"),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)
