"""Remove the key and the identity of a Salt minion."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the key and id of the Salt minion",
    families=LINUX,
    plan=removing("/etc/salt/pki/minion/*", "/etc/salt/minion_id", "/var/cache/salt/minion/*"),
)
