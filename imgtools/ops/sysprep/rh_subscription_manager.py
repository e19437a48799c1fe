"""Remove the certificates of a Red Hat subscription; the server still knows the original."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the Red Hat subscription",
    families=LINUX,
    plan=removing(
        "/etc/pki/consumer/*",
        "/etc/pki/entitlement/*",
        "/var/lib/rhsm/*.json",
        "/var/lib/rhsm/facts/*",
        "/etc/rhsm/syspurpose/*",
    ),
    notes="As `subscription-manager clean` does: nothing is unregistered, because the original may stay in use.",
)
