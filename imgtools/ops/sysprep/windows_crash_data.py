"""Remove memory dumps and error reports: they hold whatever was in memory."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import (
    emptying_in_windows,
    removing_from_profiles,
    removing_from_windows,
    together,
)

OPERATION = Operation(
    summary="Remove memory dumps and error reports",
    families=WINDOWS,
    plan=together(
        removing_from_windows("%/MEMORY.DMP", "%/Minidump/*", "%/LiveKernelReports/*.dmp"),
        emptying_in_windows(
            "%/LiveKernelReports/*",
            "/ProgramData/Microsoft/Windows/WER/ReportArchive",
            "/ProgramData/Microsoft/Windows/WER/ReportQueue",
            "/ProgramData/Microsoft/Windows/WER/Temp",
        ),
        removing_from_profiles("AppData/Local/CrashDumps/*", "AppData/Local/Microsoft/Windows/WER/*/*"),
    ),
)
