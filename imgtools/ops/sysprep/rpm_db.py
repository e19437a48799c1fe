"""Remove the lock and region files of an old rpm database; rpm makes them again."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the region files of the rpm database",
    families=LINUX,
    plan=removing("/var/lib/rpm/__db.*", "/usr/lib/sysimage/rpm/__db.*"),
)
