"""Remove the time stamps of sudo: a clone must ask for the password again."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the time stamps of sudo",
    families=UNIX,
    plan=removing("/var/lib/sudo/{ts,lectured}/*", "/var/db/sudo/{ts,lectured}/*", "/run/sudo/ts/*"),
)
