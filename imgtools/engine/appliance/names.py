"""What devices are called: here, as the guest's disks in their order; in the appliance, as its kernel met them.

Linux finds SCSI disks in parallel, so with two processors one launch in four calls the second drive ``sda``. What
does not change is the SCSI target, which QEMU numbers in the order of the drives. libguestfs' own calls translate
names (daemon/device-name-translation.c); scripts that run in the appliance get the kernel's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from imgtools.engine.direct.session import disk_device

KERNEL_DISK = re.compile(r"(sd[a-z]+)(\d*)")
DEVICE = re.compile(r"(/dev/sd[a-z]+)(\d*)")


class DeviceNames:
    """Both ways of naming, for the disks of one appliance.

    :param targets: kernel name of a disk (``sdb``) to its SCSI target, which is the drive's index.
    :param count: how many drives are the guest's; others are the appliance's own.
    :param first: the target of the guest's first one.
    """

    def __init__(self, targets: Mapping[str, int], count: int, first: int = 0) -> None:
        drives = {
            name: disk_device(target - first)
            for name, target in targets.items()
            if first <= target < first + count
        }
        self._to_device = drives
        self._to_kernel = {device: name for name, device in drives.items()}

    def device(self, kernel_name: str) -> str | None:
        """Return our name of a kernel device: ``sdb1`` -> ``/dev/sda1``; None for the appliance's own disk."""
        match = KERNEL_DISK.fullmatch(kernel_name)
        if match is None:
            return f"/dev/{kernel_name}"
        disk = self._to_device.get(match[1])
        return f"{disk}{match[2]}" if disk else None

    def kernel(self, device: str) -> str:
        """Return the path that a script in the appliance has to use for one of our devices."""
        match = DEVICE.fullmatch(device)
        if match is None or match[1] not in self._to_kernel:
            return device
        return f"/dev/{self._to_kernel[match[1]]}{match[2]}"
