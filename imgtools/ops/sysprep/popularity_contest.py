"""Remove the identifier of the Debian and Ubuntu popularity contest."""

from __future__ import annotations

from imgtools.ops.common_plans import dropping_lines
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the popularity contest id",
    families=LINUX,
    plan=dropping_lines(r"^\s*MY_HOSTID=", "/etc/popularity-contest.conf"),
)
