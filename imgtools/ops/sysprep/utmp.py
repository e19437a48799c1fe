"""Remove the record of who is logged in."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the login records of the last boot",
    families=UNIX,
    plan=removing("/var/run/utmp", "/run/utmp"),
)
