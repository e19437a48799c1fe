"""Remove the host keys of the SSH server; it makes new ones when it starts."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the host keys of the SSH server",
    families=UNIX,
    plan=removing("/etc/ssh/*_host_*", "/etc/dropbear/dropbear_*_host_key"),
)
