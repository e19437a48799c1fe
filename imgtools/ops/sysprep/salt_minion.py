"""Remove the key and the identity of a Salt minion."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the key and id of the Salt minion",
    families=LINUX,
    plan=removing("/etc/salt/pki/minion/*", "/etc/salt/minion_id", "/var/cache/salt/minion/*"),
)
