"""cron.allow names the users that may have tables of cron.

A table is a way to come back for whoever has got into an account, also a service's. Without the file all may, or all
that cron.deny does not name; without both it depends on how cron was built. A matter of servers. Source: crontab(1).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.program_checks import names_who_may
from imgtools.records.audit import Level

CHECK = Check(
    title="cron.allow names who may use cron",
    severity=Level.LOW,
    look=names_who_may("cron", ("/usr/bin/crontab", "/usr/sbin/cron", "/usr/sbin/crond"), root_alone=False),
    references=("CIS Debian 12 2.4.1.8", "NIST 800-53 AC-6"),
)
