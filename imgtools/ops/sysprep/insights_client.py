"""Remove the identity of Red Hat Insights."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the identity of Red Hat Insights",
    families=LINUX,
    plan=removing(
        "/etc/insights-client/machine-id",
        "/etc/insights-client/.registered",
        "/etc/insights-client/.unregistered",
        "/etc/insights-client/.lastupload",
    ),
)
