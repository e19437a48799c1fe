"""Remove the caches and logs of SSSD."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the caches and logs of SSSD",
    families=UNIX,
    plan=removing("/var/log/sssd/*", "/var/lib/sss/db/*", "/var/lib/sss/mc/*", "/var/lib/sss/secrets/*"),
)
