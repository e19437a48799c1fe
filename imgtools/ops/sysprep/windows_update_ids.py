"""Remove the identities by which an update server knows the machine.

A WSUS server sees clones that share them as one computer. The update service makes new ones.
"""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_values

OPERATION = Operation(
    summary="Remove the identities of Windows Update and WSUS",
    families=WINDOWS,
    plan=removing_values(
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate",
        "SusClientId",
        "SusClientIdValidation",
        "PingID",
        "AccountDomainSid",
    ),
)
