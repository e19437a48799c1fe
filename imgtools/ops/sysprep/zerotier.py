"""Remove the identity of ZeroTier."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the identity of ZeroTier",
    families=LINUX,
    plan=removing(
        "/var/lib/zerotier-one/identity.{public,secret}",
        "/var/lib/zerotier-one/authtoken.secret",
        "/var/lib/zerotier-one/peers.d/*",
    ),
)
