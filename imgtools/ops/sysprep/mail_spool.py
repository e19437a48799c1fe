"""Remove the mail that waits for the accounts of this machine."""

from __future__ import annotations

from imgtools.ops.api import ANY, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove mail waiting for local accounts",
    families=ANY,
    plan=removing("/var/spool/mail/*", "/var/mail/*"),
)
