"""auditd has rules, and nobody can change them without a trace.

Without rules it hears only of logins and of SELinux. augenrules puts together /etc/audit/rules.d when auditd starts;
where there is none, audit.rules counts. Source: auditctl(8), augenrules(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.logs.keepers import texts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

PATTERNS = ("/etc/audit/rules.d/*.rules", "/etc/audit/audit.rules")
RULE = re.compile(r"(?m)^[ \t]*-[aAw][ \t]+\S")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield an auditd that has nothing to watch."""
    if not starts(examined, "auditd"):
        yield NotThere("auditd is not started")
        return
    told = list(texts(examined.files, PATTERNS))
    never = any(re.search(r"(?m)^[ \t]*-a[ \t]+(task,never|never,task)", text) for _path, text in told)
    if never:
        path = next(path for path, text in told if "never" in text)
        yield Flaw("auditd is told to watch no program at all", path, evidence="-a task,never")
    elif not any(RULE.search(text) for _path, text in told):
        yield Flaw(
            "auditd has no rules", "/etc/audit/rules.d", advice="the audit package has samples of rules"
        )


CHECK = Check(
    title="auditd has rules",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 6.2.3", "ANSSI R73", "NIST 800-53 AU-2"),
)
