"""The LDAP client signs what it asks of a domain controller, if the controller can.

Without it who stands between changes what an administrator writes into the directory. LDAPClientIntegrity is 1
(negotiate) by default: "Network security: LDAP client signing requirements" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import SERVICES, Setting, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="The LDAP client signs what it asks of a domain",
    severity=Level.MEDIUM,
    look=settings(
        Setting(
            rf"{SERVICES}\LDAP",
            "LDAPClientIntegrity",
            not_number(0),
            "what is asked of a domain controller is not signed",
            default=1,
            to=1,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 SC-8",),
)
