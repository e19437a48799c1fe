"""Remove what Windows remembers of programs that were started here."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import emptying_in_windows

OPERATION = Operation(
    summary="Remove prefetched traces of programs",
    families=WINDOWS,
    plan=emptying_in_windows("%/Prefetch"),
)
