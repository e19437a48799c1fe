"""Remove the copies that account tools keep: they hold old password hashes."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the backups of account files",
    families=LINUX,
    plan=removing(
        "/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-", "/etc/subuid-", "/etc/subgid-"
    ),
)
