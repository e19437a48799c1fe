"""Remove the key and the state of a Chef client."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the key of the Chef client",
    families=LINUX,
    plan=removing(
        "/etc/chef/client.pem", "/etc/chef/ohai/hints/*", "/var/chef/cache/*", "/var/chef/backup/*"
    ),
)
