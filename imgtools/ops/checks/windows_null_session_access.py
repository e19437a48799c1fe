"""Shares and pipes are closed to those who give neither name nor password.

RestrictNullSessAccess 0 opens all of them; it is 1 by default: "Network access: Restrict anonymous access to Named
Pipes and Shares" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import SERVICES, Setting, no_smb_server, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="Shares and pipes are closed to who gives no name",
    severity=Level.MEDIUM,
    look=settings(
        Setting(
            rf"{SERVICES}\LanmanServer\Parameters",
            "RestrictNullSessAccess",
            not_number(0),
            "all shares and pipes are open to anybody",
            default=1,
            to=1,
        ),
        unless=no_smb_server,
    ),
    families=WINDOWS,
    references=("NIST 800-53 AC-14",),
)
