"""Remove the attachment to an Ubuntu Pro contract."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the Ubuntu Pro attachment",
    families=LINUX,
    plan=removing(
        "/var/lib/ubuntu-advantage/private/*",
        "/var/lib/ubuntu-advantage/machine-token.json",
        "/var/lib/ubuntu-advantage/status.json",
        "/etc/machine-token.json",
    ),
)
