"""Remove the node key of Tailscale."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the node key of Tailscale",
    families=LINUX,
    plan=removing("/var/lib/tailscale/*", "/var/cache/tailscale/*"),
)
