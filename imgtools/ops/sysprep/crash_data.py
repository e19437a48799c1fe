"""Remove the dumps that kdump and systemd have written."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove kernel and process crash dumps",
    families=LINUX,
    plan=removing("/var/crash/*", "/var/log/dump/*", "/var/lib/systemd/coredump/*"),
)
