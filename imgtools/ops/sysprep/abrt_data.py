"""Remove the crash reports that ABRT has collected."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the crash reports of ABRT",
    families=UNIX,
    plan=removing("/var/spool/abrt/*", "/var/cache/abrt-di/*"),
)
