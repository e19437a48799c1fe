"""Remove the key that systemd encrypts credentials of this machine with."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the credential key of systemd",
    families=LINUX,
    plan=removing("/var/lib/systemd/credential.secret"),
)
