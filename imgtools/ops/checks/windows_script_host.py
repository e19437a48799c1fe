r"""Windows Script Host is off.

A double click on an attachment that ends in .js or .vbs runs it with the rights of the user. Enabled is 1 by default
(HKLM\SOFTWARE\Microsoft\Windows Script Host\Settings, "Disabling Windows Script Host"). Logon scripts of a domain may
need it, so nothing is changed here.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import MICROSOFT, Setting, is_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="Windows Script Host is off",
    severity=Level.LOW,
    look=settings(
        Setting(
            rf"{MICROSOFT}\Windows Script Host\Settings",
            "Enabled",
            is_number(0),
            "scripts run at a double click",
            default=1,
            advice="set it to 0, if no logon script needs it",
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
