"""Empty the recycle bin of every user on the drive of Windows."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import emptying_in_windows

OPERATION = Operation(
    summary="Empty the recycle bin",
    families=WINDOWS,
    plan=emptying_in_windows("/$Recycle.Bin", "/RECYCLER", "/RECYCLED"),
)
