"""Remove the rules that tie network names to the MAC addresses of this machine."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove persistent network names of udev",
    families=LINUX,
    plan=removing(
        "/etc/udev/rules.d/70-persistent-net.rules",
        "/etc/udev/rules.d/75-persistent-net-generator.rules",
        "/etc/udev/rules.d/30-net_persistent_names.rules",
    ),
)
