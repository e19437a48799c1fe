"""Remove the databases and logs of Samba, and with them its machine account."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the databases and logs of Samba",
    families=UNIX,
    plan=removing("/var/log/samba/*", "/var/lib/samba/*", "/var/cache/samba/*"),
)
