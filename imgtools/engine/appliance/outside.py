"""The overlays as the host sees them, while the appliance runs on them.

What the appliance has let go of is checked and read again from here where the direct engine knows the volume's
place: the programs take a fifth of the time that they take in there, and share nothing with what has written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from imgtools.engine.qemu.storage_daemon import StorageDaemon
from imgtools.errors import ImgtoolsError
from imgtools.filesystems.api import Filesystem
from imgtools.records.disks import Declined, Volume
from imgtools.volumes.volume_file import DiskFile

if TYPE_CHECKING:
    from imgtools.engine.direct.session import DirectSession

log = logging.getLogger(__name__)


class Outside:
    """What can be done from the host with a volume that is not mounted in the appliance.

    Nothing here is the last word: where it fails, the appliance is asked.

    :param daemon: serves the overlays to the appliance.
    :param reader: knows where on the disks the volumes are; called when it is first needed.
    """

    def __init__(self, daemon: StorageDaemon, reader: Callable[[], DirectSession]) -> None:
        self._daemon = daemon
        self._reader = reader

    def is_clean(self, device: str, content: str) -> bool:
        """Whether the filesystem's checker finds it in order; False also if it cannot be asked here."""
        from imgtools.engine.direct.write import KINDS

        try:
            place = self._reader().place_of(device)
            if content not in KINDS or isinstance(place, Declined):
                return False
            KINDS[content]().check(self._daemon.export_file(*place), device)
        except ImgtoolsError as error:
            log.info("not checked from outside: %s", error.message)
            return False
        return True

    def mount(self, volume: Volume) -> Filesystem | None:
        """Mount a volume for reading; None: it cannot be read from here."""
        from imgtools.engine.direct.session import mount_file
        from imgtools.volumes.local_file import LocalDisk

        try:
            place = self._reader().place_of(volume.device)
            if isinstance(place, Declined):
                return None
            # A new file each time: the host's kernel may remember what was read through an old one.
            disk = LocalDisk(self._daemon.export_file(*place))
            answer = mount_file(DiskFile.whole(disk, volume.device), volume.content)
        except ImgtoolsError as error:
            log.info("not read from outside: %s", error.message)
            return None
        return None if isinstance(answer, Declined) else answer

    def write_disk(self, device: str, offset: int, content: bytes, before: str) -> None:
        """Write over bytes of a disk or volume that is not mounted in the appliance.

        :raises CannotWrite: nobody here knows where it lies.
        :raises EditConflict: other bytes than the plan saw are there now.
        """
        from imgtools.engine.direct.write import DirectWriteSession

        DirectWriteSession(self._daemon, self._reader()).write_disk(device, offset, content, before)

    def new_lvm_uuids(self, groups: Sequence[str], keep_groups: Sequence[str]) -> bool:
        """Give volume groups and their physical volumes new UUIDs; False: they are as they were.

        No filesystem lies where these are written, so the volumes may be mounted in the appliance meanwhile.

        :raises EditFailed: the metadata is damaged, or a physical volume is not in the image.
        """
        from imgtools.engine.direct.write import DirectWriteSession

        reader = self._reader()
        if not set(groups) <= {group.name for group in reader.layout().vgs}:
            return False  # in an encrypted volume, say
        return DirectWriteSession(self._daemon, reader).new_lvm_uuids(groups, keep_groups) is None
