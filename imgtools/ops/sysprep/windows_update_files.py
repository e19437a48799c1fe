"""Remove downloaded updates and the history of updates, which Windows finds out again."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import emptying_in_windows

OPERATION = Operation(
    summary="Remove downloaded updates and their history",
    families=WINDOWS,
    plan=emptying_in_windows(
        "%/SoftwareDistribution/Download",
        "%/SoftwareDistribution/DataStore",
        "%/SoftwareDistribution/DeliveryOptimization",
    ),
)
