"""Remove the password of the automatic logon, which stands in the registry as it is, and the logon itself."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_values

OPERATION = Operation(
    summary="Remove the automatic logon with its password",
    families=WINDOWS,
    plan=removing_values(
        r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon",
        "DefaultPassword",
        "AutoAdminLogon",
        "AutoLogonCount",
        "AltDefaultPassword",
    ),
)
