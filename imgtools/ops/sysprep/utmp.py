"""Remove the record of who is logged in."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the login records of the last boot",
    families=UNIX,
    plan=removing("/var/run/utmp", "/run/utmp"),
)
