"""Remove the identifier by which yum and dnf count machines."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the UUIDs of yum and dnf",
    families=LINUX,
    plan=removing("/var/lib/yum/uuid", "/var/lib/dnf/uuid", "/var/lib/libdnf5/countme/*"),
)
