"""at.allow names the users that may have commands run later.

As with cron: it is a way to come back. Without the file all may that at.deny does not name; without both only root.
A matter of servers. Source: at.allow(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

ALLOW, DENY = "/etc/at.allow", "/etc/at.deny"
PROGRAMS = ("/usr/bin/at",)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest without the list of those who may."""
    files = examined.files
    if not any(files.is_file(path) for path in PROGRAMS):
        yield NotThere("the guest has no at")
    elif not files.is_file(ALLOW):
        said = f"only those in {DENY} may not" if files.is_file(DENY) else ""
        yield Flaw("every user may use at", ALLOW, evidence=said, advice=f"name in {ALLOW} those who may")


CHECK = Check(
    title="at.allow names who may use at",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 2.4.2.1", "NIST 800-53 AC-6"),
)
