"""Remove the mail that waits for the accounts of this machine."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import ANY, Operation

OPERATION = Operation(
    summary="Remove mail waiting for local accounts",
    families=ANY,
    plan=removing("/var/spool/mail/*", "/var/mail/*"),
)
