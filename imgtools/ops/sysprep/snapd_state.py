"""Remove the identity and the caches of snapd; the snaps stay installed."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the device identity of snapd",
    families=LINUX,
    plan=removing(
        "/var/lib/snapd/device/*",
        "/var/lib/snapd/auth.json",
        "/var/lib/snapd/cache/*",
        "/var/lib/snapd/errtracker.db",
    ),
)
