"""Remove what PAM modules remember of logins."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the run-time data of PAM modules",
    families=UNIX,
    plan=removing("/var/run/console/*", "/var/run/faillock/*", "/var/run/sepermit/*", "/var/lib/faillock/*"),
)
