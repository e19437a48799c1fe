"""Remove the host id, which programs take for the identity of a machine."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the host id",
    families=LINUX,
    plan=removing("/etc/hostid"),
)
