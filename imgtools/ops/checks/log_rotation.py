"""Logs that are text files are put aside before they fill the disk.

A full disk stops services, and auditd may stop the machine. logrotate has to be there, and something has to run it: a
timer, or cron. The journal limits itself. Source: logrotate(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.log_facts import syslog_of
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

PROGRAMS = ("/usr/sbin/logrotate", "/usr/bin/logrotate", "/sbin/logrotate")
CRON = ("/etc/cron.{hourly,daily,weekly}/logrotate", "/etc/periodic/*/logrotate", "/etc/cron.d/logrotate")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest whose logs only grow."""
    files, name = examined.files, examined.once(syslog_of)
    if not name or name in ("busybox-syslogd", "syslog"):  # busybox rotates by itself
        yield NotThere("nothing writes logs as text files")
    elif not any(files.exists(path) for path in PROGRAMS):
        yield Flaw(f"{name} writes logs that only grow", "/etc/logrotate.conf", advice="install logrotate")
    elif not files.is_file("/etc/logrotate.conf"):
        yield Flaw("logrotate has no configuration", "/etc/logrotate.conf")
    elif not starts(examined, "logrotate.timer") and not any(any(files.glob(one)) for one in CRON):
        yield Flaw("nothing runs logrotate", "/etc/logrotate.conf", advice="enable logrotate.timer")


CHECK = Check(
    title="Logs are put aside before they fill the disk",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 6.1.2.7", "NIST 800-53 AU-4"),
)
