"""Remove the attachment to an Ubuntu Pro contract."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

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
