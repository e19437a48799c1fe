"""Remove the crash reports that ABRT has collected."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the crash reports of ABRT",
    families=UNIX,
    plan=removing("/var/spool/abrt/*", "/var/cache/abrt-di/*"),
)
