"""Remove the databases and logs of Samba, and with them its machine account."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the databases and logs of Samba",
    families=UNIX,
    plan=removing("/var/log/samba/*", "/var/lib/samba/*", "/var/cache/samba/*"),
)
