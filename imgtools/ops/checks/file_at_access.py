"""at.allow names the users that may have commands run later.

As with cron: it is a way to come back. Without the file all may that at.deny does not name; without both only root.
A matter of servers. Source: at.allow(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.program_checks import names_who_may
from imgtools.records.audit import Level

CHECK = Check(
    title="at.allow names who may use at",
    severity=Level.LOW,
    look=names_who_may("at", ("/usr/bin/at",), root_alone=True),
    references=("CIS Debian 12 2.4.2.1", "NIST 800-53 AC-6"),
)
