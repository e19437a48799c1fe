"""Remove the host name (NQN) and host id of NVMe over Fabrics."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the NVMe host name and id",
    families=LINUX,
    plan=removing("/etc/nvme/hostnqn", "/etc/nvme/hostid"),
)
