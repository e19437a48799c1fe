"""Remove what PAM modules remember of logins."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the run-time data of PAM modules",
    families=UNIX,
    plan=removing("/var/run/console/*", "/var/run/faillock/*", "/var/run/sepermit/*", "/var/lib/faillock/*"),
)
