"""Remove the identity by which reports of the machine are known."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_values

OPERATION = Operation(
    summary="Remove the identity of telemetry",
    families=WINDOWS,
    plan=removing_values(r"HKLM\SOFTWARE\Microsoft\SQMClient", "MachineId"),
)
