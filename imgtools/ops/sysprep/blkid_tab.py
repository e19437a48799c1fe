"""Remove the cache of libblkid, which names the disks of this machine."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the cache of blkid",
    families=UNIX,
    plan=removing(
        "/run/blkid/blkid.tab",
        "/run/blkid/blkid.tab.old",
        "/var/run/blkid.tab{,.old}",
        "/etc/blkid/blkid.tab{,.old}",
        "/etc/blkid.tab{,.old}",
        "/dev/.blkid.tab{,.old}",
    ),
)
