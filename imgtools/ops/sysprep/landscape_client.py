"""Remove the registration at Landscape."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the registration at Landscape",
    families=LINUX,
    plan=removing("/var/lib/landscape/client/*"),
)
