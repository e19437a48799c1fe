"""cron.allow names the users that may have tables of cron.

A table is a way to come back for whoever has got into an account, also a service's. Without the file all may, or all
that cron.deny does not name; without both it depends on how cron was built. A matter of servers. Source: crontab(1).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

ALLOW, DENY = "/etc/cron.allow", "/etc/cron.deny"
PROGRAMS = ("/usr/bin/crontab", "/usr/sbin/cron", "/usr/sbin/crond")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest without the list of those who may."""
    files = examined.files
    if not any(files.is_file(path) for path in PROGRAMS):
        yield NotThere("the guest has no cron")
    elif not files.is_file(ALLOW):
        said = f"only those in {DENY} may not" if files.is_file(DENY) else ""
        yield Flaw("every user may use cron", ALLOW, evidence=said, advice=f"name in {ALLOW} those who may")


CHECK = Check(
    title="cron.allow names who may use cron",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 2.4.1.8", "NIST 800-53 AC-6"),
)
