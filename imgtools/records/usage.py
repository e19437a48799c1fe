"""How full a filesystem is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a filesystem is: the numbers of ``statvfs`` of the mounted filesystem, in bytes and inodes."""

    size: int  # f_blocks * f_frsize
    free: int  # f_bfree * f_frsize: also what is reserved for root
    available: int  # f_bavail * f_frsize
    inodes: int  # f_files
    inodes_free: int  # f_ffree

    @property
    def used(self) -> int:
        """What ``df`` calls used: size less everything free."""
        return self.size - self.free
