"""Remove everything in the temporary folders of Windows and of its users."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import emptying_in_windows, removing_from_profiles, together

OPERATION = Operation(
    summary="Remove temporary files of Windows and its users",
    families=WINDOWS,
    plan=together(
        emptying_in_windows("%/Temp"),
        removing_from_profiles("AppData/Local/Temp/*", "AppData/Local/Temp/.*", "Local Settings/Temp/*"),
    ),
)
