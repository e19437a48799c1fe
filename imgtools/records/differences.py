"""What is different between a guest's disks before and after something that nobody has planned: a shell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from imgtools.records.files import FileKind


class Became(StrEnum):
    """What has become of a file; or that it is none, but something of a disk below the files."""

    CREATED = "created"
    REMOVED = "removed"
    CHANGED = "changed"
    DISK = "disk"  # a partition table, a filesystem as a whole, bytes of a disk


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was.

    ``path`` is the guest's, or ``DEVICE:PATH`` on a volume that the guest does not mount, or a device.
    """

    kind: Became
    path: str
    summary: str
    file: FileKind | None = None  # what it is now; what was removed: what it was
    details: tuple[
        str, ...
    ] = ()  # "content", "mode 0644 -> 0600", "owner 0:0 -> 33:33", "times", "attributes"
    size: int | None = None  # of a regular file, now
    old_size: int | None = None
    diff: str = ""  # of a small text file that everybody may read
