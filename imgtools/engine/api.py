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

    def write_disk(self, device: str, offset: int, content: bytes, before: str = "") -> None:
        """Write over bytes of a disk or volume; raises EditConflict if they are not those of ``before`` (SHA-256).

        :raises CannotWrite: the engine does not know where the device lies.
        """

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

    def mend(self, device: str, kind: str, *, force: bool) -> Sequence[str]:
        """Have the checker of a filesystem mend it, and return what it says that it did.

        :param force: also do what may lose data.
        :raises WouldLoseData: it cannot be mended otherwise.
        :raises EditFailed: it is not mended.
        """

    def run(
        self, mounts: Sequence[Mount], script: str, *, network: bool, devices: Sequence[str] = ()
    ) -> None:
        """Run a shell script in the guest's tree; raises EditFailed with its last words if it fails.

        :param devices: of the guest; the script gets their names in there as its arguments.
        """

    def relabel(self, mounts: Sequence[Mount], paths: Sequence[str]) -> None:
        """Give files the SELinux labels of the guest's own policy; no paths: all files."""
