"""Remove the identity of ZeroTier."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the identity of ZeroTier",
    families=LINUX,
    plan=removing(
        "/var/lib/zerotier-one/identity.{public,secret}",
        "/var/lib/zerotier-one/authtoken.secret",
        "/var/lib/zerotier-one/peers.d/*",
    ),
)
