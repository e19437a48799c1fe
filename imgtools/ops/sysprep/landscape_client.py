"""Remove the registration at Landscape."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the registration at Landscape",
    families=LINUX,
    plan=removing("/var/lib/landscape/client/*"),
)
