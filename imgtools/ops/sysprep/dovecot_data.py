"""Remove the data of the Dovecot mail server."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the data of Dovecot",
    families=UNIX,
    plan=removing("/var/lib/dovecot/*"),
)
