"""Remove the copies that account tools keep: they hold old password hashes."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the backups of account files",
    families=LINUX,
    plan=removing(
        "/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-", "/etc/subuid-", "/etc/subgid-"
    ),
)
