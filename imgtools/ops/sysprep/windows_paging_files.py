"""Remove the paging file and the swap file, which hold what was in memory, and are made anew.

So goes the memory image of a Windows that does not wait for it to be read: of one that does, nothing is written at all.
"""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_from_windows

OPERATION = Operation(
    summary="Remove paging, swap and hibernation files",
    families=WINDOWS,
    plan=removing_from_windows("/pagefile.sys", "/swapfile.sys", "/hiberfil.sys"),
)
