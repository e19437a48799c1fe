"""SmartScreen looks at programs from the net before they run.

It knows many bad programs by name before a scanner has their pattern. It is on by default since Windows 8 on clients:
"Configure Windows Defender SmartScreen", ADMX_SmartScreen (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.guest.windows.release import WIN8
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import POLICIES, Setting, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="SmartScreen looks at programs from the net",
    severity=Level.LOW,
    look=settings(
        Setting(
            rf"{POLICIES}\Windows\System",
            "EnableSmartScreen",
            not_number(0),
            "SmartScreen is off",
            default=1,
            to=1,
            since=WIN8,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 SI-3",),
)
