"""Remove the list of devices that LVM may use: it names the disks of this machine."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the LVM devices file",
    families=LINUX,
    plan=removing("/etc/lvm/devices/system.devices"),
)
