"""Remove the host name (NQN) and host id of NVMe over Fabrics."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the NVMe host name and id",
    families=LINUX,
    plan=removing("/etc/nvme/hostnqn", "/etc/nvme/hostid"),
)
