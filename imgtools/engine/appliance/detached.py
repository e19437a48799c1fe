"""Headers of LUKS volumes that do not lie on them: brought into the appliance, and known by the volumes they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imgtools.engine.appliance.crypt import content_of_header, upload_header
from imgtools.engine.appliance.launch import Appliance
from imgtools.engine.appliance.names import DeviceNames
from imgtools.records.detached_header import DetachedHeader
from imgtools.records.disks import Layout, Volume
from imgtools.volumes.names import is_called


class Headers:
    """The headers that were given for the volumes of one image.

    ``paths``: of each volume that has one, its path in the appliance. ``devices``: volumes that are headers, no more.
    """

    def __init__(self, appliance: Appliance, given: Sequence[DetachedHeader]) -> None:
        self._appliance = appliance
        self._given = tuple(given)
        self._uploaded: dict[Path, str] = {}
        self.paths: dict[str, str] = {}
        self.devices: set[str] = set()

    def applied(self, layout: Layout, names: DeviceNames) -> Layout:
        """Return a layout in which each volume is what its header says that it is.

        :raises HostError: a header's file cannot be read.
        """
        volumes = tuple(self._known(volume, layout, names) for volume in layout.volumes)
        return replace(layout, volumes=volumes)

    def _known(self, volume: Volume, layout: Layout, names: DeviceNames) -> Volume:
        if volume.content not in ("", "crypto_LUKS"):
            return volume
        fits = (self._path(one, layout, names) for one in self._given if is_called(volume, one.selector))
        path = next(filter(None, fits), "")
        if not path:
            return volume
        self.paths[volume.device] = path
        said = content_of_header(self._appliance, path)
        return replace(volume, content="crypto_LUKS", uuid=said.uuid, version=said.version)

    def _path(self, header: DetachedHeader, layout: Layout, names: DeviceNames) -> str:
        if header.host_path is not None:
            if header.host_path not in self._uploaded:
                number = len(self._uploaded)
                self._uploaded[header.host_path] = upload_header(self._appliance, header.host_path, number)
            return self._uploaded[header.host_path]
        other = next((one for one in layout.volumes if is_called(one, header.device)), None)
        if other is None:
            return ""
        self.devices.add(other.device)
        return names.kernel(other.device)
