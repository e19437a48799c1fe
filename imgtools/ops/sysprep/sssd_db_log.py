"""Remove the caches and logs of SSSD."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the caches and logs of SSSD",
    families=UNIX,
    plan=removing("/var/log/sssd/*", "/var/lib/sss/db/*", "/var/lib/sss/mc/*", "/var/lib/sss/secrets/*"),
)
