"""A guest that libvirt knows, as an image: its disks in order, each with its format, and the keys that open them."""

from __future__ import annotations

from dataclasses import dataclass, field

from imgtools.errors import ImgtoolsError
from imgtools.records.image import DiskSource
from imgtools.records.request import Key


@dataclass(frozen=True, slots=True)
class Domain:
    """A libvirt domain's disks; or a volume of a storage pool, which is one disk.

    Programs give it where an image is wanted: ``imgtools.inspect(imgtools.domain("web1"))``.
    """

    name: str  # of a volume, POOL/VOLUME
    disks: tuple[DiskSource, ...]
    targets: tuple[str, ...] = ()  # what the definition calls each disk: vda, sdb
    keys: tuple[Key, ...] = field(default=(), repr=False)  # of encrypted disks, from libvirt's secrets
    state: str = ""  # shut off, running, paused, saved ...; "" of what only a file or a pool tells of
    problem: ImgtoolsError | None = field(
        default=None, repr=False
    )  # of one of many: why it has no disks here
    uuid: str = ""  # as its definition has it; "" of what only a file or a pool tells of

    @property
    def is_live(self) -> bool:
        """Whether a disk may change while it is read."""
        return any(disk.held is not None and disk.held.is_live for disk in self.disks)
