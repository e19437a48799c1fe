"""Remove the data of the Dovecot mail server."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the data of Dovecot",
    families=UNIX,
    plan=removing("/var/lib/dovecot/*"),
)
