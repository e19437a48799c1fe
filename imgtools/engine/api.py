"""What an engine offers: a session with one image open, read-only or on its overlays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from imgtools.filesystems.api import Filesystem, FilesystemWriter
from imgtools.records.disks import Declined, Layout, Mount, Volume
from imgtools.records.request import Engine


class Session(Protocol):
    """One image (all its disks) opened by one engine."""

    @property
    def engine(self) -> Engine:
        """Which engine this is."""

    def layout(self) -> Layout:
        """Return partitions, LVM and volumes; what could not be looked into is in ``unread``."""

    def mount(self, volume: Volume, options: str = "") -> Filesystem | Declined:
        """Mount ``volume`` read-only, or say why not. Mounting the same volume again is cheap."""

    def close(self) -> None:
        """Let everything go. Errors of the last flush surface here."""


class WriteSession(Protocol):
    """An overlay opened for writing by one engine."""

    @property
    def engine(self) -> Engine:
        """Which engine this is."""

    def mount(self, volume: Volume, options: str = "") -> FilesystemWriter | Declined:
        """Mount ``volume`` for writing, or say why not."""

    def finish(self) -> None:
        """Flush, unmount and check every filesystem that was written; raises RolledBack if one is not clean."""

    def check(self, volume: Volume) -> None:
        """Have a filesystem checked that was not written; raises RolledBack if it is not clean as it is."""

    def reread(self, volume: Volume, options: str = "") -> Filesystem | Declined:
        """Mount ``volume`` read-only after :meth:`finish`, to read again what was written."""

    def close(self) -> None:
        """Let everything go, also after an error."""


class GuestRunner(WriteSession, Protocol):
    """What only a booted engine can do: change whole volumes, and run programs in the guest's tree."""

    def set_uuid(self, device: str, uuid: str) -> None:
        """Give the filesystem on ``device`` a new UUID; empty: a random one."""

    def new_lvm_uuids(self, groups: Sequence[str], keep_groups: Sequence[str]) -> Declined | None:
        """Give volume groups and their physical volumes new UUIDs, or say why not; the groups to keep keep theirs.

        The direct engine can do this too.
        """

    def discard_hibernation(self, device: str) -> None:
        """Throw away the memory image of a hibernated Windows; raises EditFailed if the volume is not in order then."""

    def run(self, mounts: Sequence[Mount], script: str, *, network: bool) -> None:
        """Run a shell script in the guest's tree; raises EditFailed with its last words if it fails."""

    def relabel(self, mounts: Sequence[Mount], paths: Sequence[str]) -> None:
        """Give files the SELinux labels of the guest's own policy; no paths: all files."""
