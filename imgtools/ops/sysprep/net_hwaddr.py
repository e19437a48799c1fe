"""Drop MAC addresses and connection UUIDs from the ifcfg files of the Red Hat family and SUSE.

A HWADDR that does not match makes the whole file ignored, so a clone would have no network.
"""

from __future__ import annotations

from imgtools.guest.network.program import IFCFG
from imgtools.ops.common_plans import dropping_lines
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Drop MAC addresses and UUIDs from ifcfg files",
    families=LINUX,
    plan=dropping_lines(r"^\s*(HWADDR|MACADDR|LLADDR|UUID)=", *IFCFG),
)
