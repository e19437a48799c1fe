"""Remove the cache of libblkid, which names the disks of this machine.

A link stays: it says where the administrator wants the cache, and libblkid follows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import remove_matching
from imgtools.ops.operation import UNIX, NoParams, Operation
from imgtools.records.files import FileKind

CACHES = (
    "/run/blkid/blkid.tab{,.old}",
    "/var/run/blkid.tab{,.old}",
    "/etc/blkid/blkid.tab{,.old}",
    "/etc/blkid.tab{,.old}",
    "/dev/.blkid.tab{,.old}",
)


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removal of every cache that is a file."""
    matches = [path for pattern in CACHES for path in guest.files.glob(pattern)]
    links = {path for path in matches if (stat := guest.files.lstat(path)) and stat.kind is FileKind.LINK}
    yield from remove_matching(guest.files, *CACHES, keep=[guest.files.locate(path) for path in links])


OPERATION = Operation(summary="Remove the cache of blkid", families=UNIX, plan=plan)
