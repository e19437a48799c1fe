"""Remove the profiles of wireless networks, with their keys."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_from_windows

OPERATION = Operation(
    summary="Remove wireless networks and their keys",
    families=WINDOWS,
    plan=removing_from_windows("/ProgramData/Microsoft/Wlansvc/Profiles/Interfaces/*/*.xml"),
)
