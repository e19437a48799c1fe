"""User Account Control is on, so that programs of administrators run without their rights until somebody agrees.

Without it every program that an administrator starts may change the system, and so may what a browser brings along.
EnableLUA: [MS-GPSB] 2.2.4; it is on by default since Vista.
"""

from __future__ import annotations

from imgtools.guest.windows.release import VISTA
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import SYSTEM_POLICIES, Setting, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="User Account Control is on",
    severity=Level.HIGH,
    look=settings(
        Setting(
            SYSTEM_POLICIES,
            "EnableLUA",
            not_number(0),
            "User Account Control is off",
            default=1,
            to=1,
            since=VISTA,
        ),
    ),
    families=WINDOWS,
    references=(
        "NIST 800-53 AC-6",
        "NIST 800-53 CM-7",
    ),
)
