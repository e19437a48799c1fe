"""Remove the identifier of the Debian and Ubuntu popularity contest."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import dropping_lines

OPERATION = Operation(
    summary="Remove the popularity contest id",
    families=LINUX,
    plan=dropping_lines(r"^\s*MY_HOSTID=", "/etc/popularity-contest.conf"),
)
