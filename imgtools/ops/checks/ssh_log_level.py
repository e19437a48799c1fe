"""The SSH server logs who logged in.

With QUIET, FATAL or ERROR a login leaves no line. DEBUG is as bad in another way: it logs more than is good for the
privacy of users. INFO is the default, VERBOSE also tells which key was used. Source: sshd_config(5), LogLevel.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import always_better, setting
from imgtools.records.audit import Level

CHECK = Check(
    title="The SSH server logs who logs in",
    severity=Level.MEDIUM,
    look=setting(
        "LogLevel",
        lambda value, params: (
            "" if value.upper() in ("INFO", "VERBOSE") else f"the SSH server logs {value.upper()}"
        ),
        always_better("INFO"),
    ),
    references=("CIS Debian 12 5.1.14", "NIST 800-53 AU-12"),
)
