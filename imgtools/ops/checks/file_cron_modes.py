"""Only root writes to the tables and scripts of cron, anacron and at.

They run as root: whoever writes there waits a minute and is root. Source: crontab(5), cron(8), anacrontab(5),
at.allow(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.mode_checks import only_root_writes
from imgtools.records.audit import Level
from imgtools.records.files import FileKind

CHECK = Check(
    title="Only root writes to the tables and scripts of cron",
    severity=Level.HIGH,
    look=only_root_writes(
        "/etc/crontab",
        "/etc/anacrontab",
        "/etc/cron.d",
        "/etc/cron.d/*",
        "/etc/cron.{hourly,daily,weekly,monthly,yearly}",
        "/etc/cron.{hourly,daily,weekly,monthly,yearly}/*",
        "/etc/periodic/*/*",
        "/etc/cron.{allow,deny}",
        "/etc/at.{allow,deny}",
        "/var/spool/cron",
        what="the tables of cron",
        kinds=(FileKind.FILE, FileKind.DIRECTORY),
    ),
    references=("CIS Debian 12 2.4.1", "NIST 800-53 CM-5"),
)
