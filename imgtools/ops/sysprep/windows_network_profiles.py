"""Remove the networks that Windows has met, by which it tells public ones from private ones."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_keys_below

OPERATION = Operation(
    summary="Remove the networks that Windows remembers",
    families=WINDOWS,
    plan=removing_keys_below(
        r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\NetworkList\Profiles",
        r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\NetworkList\Signatures\Managed",
        r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\NetworkList\Signatures\Unmanaged",
    ),
)
