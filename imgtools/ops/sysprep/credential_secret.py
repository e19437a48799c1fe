"""Remove the key that systemd encrypts credentials of this machine with."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the credential key of systemd",
    families=LINUX,
    plan=removing("/var/lib/systemd/credential.secret"),
)
