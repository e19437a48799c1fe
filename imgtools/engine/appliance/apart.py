"""Why the kernel of the appliance did not start an array: what its members say, read over the same servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgtools.errors import BadImage
from imgtools.records.disks import Declined, Disk
from imgtools.volumes.md import MemberDisk, group_members, put_together, read_member_disk
from imgtools.volumes.volume_file import DiskFile, DiskServer


def why_apart(disks: Sequence[Disk], servers: Sequence[DiskServer], uuid: str) -> Declined | None:
    """Return why the array is not there; None if its members do not tell.

    :param uuid: as blkid has it.
    """
    members = group_members(_members(disks, servers)).get(uuid.replace("-", "").lower())
    content = put_together(members, members[0].device).content if members else None
    return content if isinstance(content, Declined) else None


def _members(disks: Sequence[Disk], servers: Sequence[DiskServer]) -> Iterator[MemberDisk]:
    for disk, server in zip(disks, servers, strict=True):
        whole = DiskFile.whole(server, disk.device)
        parts = [whole.part(part.start, part.size, part.device) for part in disk.partitions] or [whole]
        for file in parts:
            try:
                member = read_member_disk(file, file.name)
            except BadImage:  # it has no more than the kernel saw of it
                continue
            if member is not None:
                yield member
