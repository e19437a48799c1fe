"""Remove the identifier that Smolt sent with hardware profiles."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the hardware UUID of Smolt",
    families=LINUX,
    plan=removing("/etc/sysconfig/hw-uuid", "/etc/smolt/uuid", "/etc/smolt/hw-uuid"),
)
