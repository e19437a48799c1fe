"""PowerShell writes the scripts that it runs into its event log.

What attackers do with PowerShell is often seen nowhere else, since it lies on no disk. By default only what looks
suspicious is logged: "about_Logging_Windows" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.guest.windows.release import WIN7
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import POLICIES, Setting, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="PowerShell logs the scripts that it runs",
    severity=Level.LOW,
    look=settings(
        Setting(
            rf"{POLICIES}\Windows\PowerShell\ScriptBlockLogging",
            "EnableScriptBlockLogging",
            not_number(0),
            "PowerShell does not log the scripts that it runs",
            default=0,
            to=1,
            since=WIN7,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 AU-12",),
)
