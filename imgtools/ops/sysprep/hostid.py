"""Remove the host id, which programs take for the identity of a machine."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the host id",
    families=LINUX,
    plan=removing("/etc/hostid"),
)
