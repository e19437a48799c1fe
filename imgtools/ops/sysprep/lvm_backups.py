"""Remove LVM's backups of its metadata: they name this machine, and UUIDs that are no longer true."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the backups of LVM's metadata",
    families=LINUX,
    plan=removing("/etc/lvm/archive/*", "/etc/lvm/backup/*"),
    notes="LVM makes new ones at the next change (vgcfgbackup(8)).",
)
