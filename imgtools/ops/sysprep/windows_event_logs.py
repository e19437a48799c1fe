"""Remove the event logs, which Windows makes anew, and the logs of its services."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_from_windows

OPERATION = Operation(
    summary="Remove Windows' event logs and logs of services",
    families=WINDOWS,
    plan=removing_from_windows(
        "%/System32/winevt/Logs/*.evtx", "%/System32/config/*.evt", "%/System32/LogFiles/*/*.log"
    ),
)
