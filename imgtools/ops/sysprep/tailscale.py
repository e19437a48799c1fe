"""Remove the node key of Tailscale."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the node key of Tailscale",
    families=LINUX,
    plan=removing("/var/lib/tailscale/*", "/var/cache/tailscale/*"),
)
