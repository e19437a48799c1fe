"""Programs look for libraries in the system's folders before the current one.

Else a library in a folder of downloads is loaded in place of Windows' own. SafeDllSearchMode is on by default since
XP SP2: "Dynamic-link library search order" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import CONTROL, Setting, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="Programs look for libraries in the system's folders first",
    severity=Level.MEDIUM,
    look=settings(
        Setting(
            rf"{CONTROL}\Session Manager",
            "SafeDllSearchMode",
            not_number(0),
            "programs take libraries from the current folder",
            default=1,
            to=1,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
