"""Remove the dumps that kdump and systemd have written."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove kernel and process crash dumps",
    families=LINUX,
    plan=removing("/var/crash/*", "/var/log/dump/*", "/var/lib/systemd/coredump/*"),
)
