"""Remove the key and the state of a Chef client."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the key of the Chef client",
    families=LINUX,
    plan=removing(
        "/etc/chef/client.pem", "/etc/chef/ohai/hints/*", "/var/chef/cache/*", "/var/chef/backup/*"
    ),
)
