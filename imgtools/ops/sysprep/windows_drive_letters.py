"""Forget which volume has which letter, so that Windows gives letters anew.

Not by default: a program that is installed on D: does not find itself if the letters come out otherwise.
"""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_values

OPERATION = Operation(
    summary="Forget the letters of drives",
    families=WINDOWS,
    plan=removing_values(r"HKLM\SYSTEM\MountedDevices"),
    default=False,
)
