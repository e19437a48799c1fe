"""What devices are called: here, as the guest's disks in their order; in the appliance, as its kernel met them.

Linux finds SCSI disks in parallel, so with two processors one launch in four calls the second drive ``sda``. What
does not change is the SCSI target, which QEMU numbers in the order of the drives. libguestfs' own calls translate
names (daemon/device-name-translation.c); scripts that run in the appliance get the kernel's.

Of several md arrays, mdadm calls the first that it meets in a folder ``md127``, which is another one each time. Here
they are numbered in the order of their first members, as by the direct engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from imgtools.engine.direct.session import disk_device
from imgtools.volumes.md import array_device
from imgtools.volumes.names import device_order

if TYPE_CHECKING:
    from imgtools.engine.appliance.survey import BlockDevice, Survey

KERNEL_ARRAY = re.compile(r"(md\w*?)(p\d+)?")
DEEPEST = 16  # devices on devices
KERNEL_DISK = re.compile(r"(sd[a-z]+)(\d*)")
DEVICE = re.compile(r"(/dev/sd[a-z]+)(\d*)")


class DeviceNames:
    """Both ways of naming, for the disks of one appliance.

    :param targets: kernel name of a disk (``sdb``) to its SCSI target, which is the drive's index.
    :param count: how many drives are the guest's; others are the appliance's own.
    :param first: the target of the guest's first one.
    :param survey: numbers the arrays that it found; without it they keep the kernel's names.
    """

    def __init__(
        self, targets: Mapping[str, int], count: int, first: int = 0, survey: Survey | None = None
    ) -> None:
        drives = {
            name: disk_device(target - first)
            for name, target in targets.items()
            if first <= target < first + count
        }
        self._to_device = drives
        self._to_kernel = {device: name for name, device in drives.items()}
        self._arrays: dict[str, str] = {}
        if survey is not None and any(one.md_level for one in survey.devices):
            kernel = _Arrays(survey, self).in_order()
            self._arrays = {name: array_device(number) for number, name in enumerate(kernel)}
        self._kernel_arrays = {device: f"/dev/{name}" for name, device in self._arrays.items()}

    def device(self, kernel_name: str) -> str | None:
        """Return our name of a kernel device: ``sdb1`` -> ``/dev/sda1``; None for the appliance's own disk."""
        match = KERNEL_DISK.fullmatch(kernel_name)
        if match is None:
            array = KERNEL_ARRAY.fullmatch(kernel_name)
            known = self._arrays.get(array[1]) if array else None
            return f"{known}{array[2] or ''}" if array and known else f"/dev/{kernel_name}"
        disk = self._to_device.get(match[1])
        return f"{disk}{match[2]}" if disk else None

    def in_order(self, arrays: Iterable[BlockDevice]) -> Sequence[BlockDevice]:
        """Return arrays in the order of their numbers here; without those of another guest."""
        order = list(self._arrays)
        return sorted((one for one in arrays if one.name in order), key=lambda one: order.index(one.name))

    def kernel(self, device: str) -> str:
        """Return the path that a script in the appliance has to use for one of our devices."""
        array = KERNEL_ARRAY.fullmatch(device.removeprefix("/dev/"))
        if array and (known := self._kernel_arrays.get(f"/dev/{array[1]}")):
            return f"{known}{array[2] or ''}"
        match = DEVICE.fullmatch(device)
        if match is None or match[1] not in self._to_kernel:
            return device
        return f"/dev/{self._to_kernel[match[1]]}{match[2]}"


class _Arrays:
    """The arrays of a survey in the order in which the direct engine puts them together.

    Whole ones first, those on them next, and then those of which members are missing, with what is on them.
    """

    def __init__(self, survey: Survey, names: DeviceNames) -> None:
        self._names = names
        self._by_name = {one.name: one for one in survey.devices}

    def in_order(self) -> Sequence[str]:
        """The kernel's names of the arrays."""
        arrays = [one for one in self._by_name.values() if one.md_level and one.size]
        ours = [one for one in arrays if any(self._names.device(name) for name in self._bases(one, 0))]
        return [one.name for one in sorted(ours, key=self._key)]

    def _key(self, one: BlockDevice) -> tuple[bool, int, Sequence[object]]:
        devices = [self._names.device(name) or name for name in one.slaves]
        return self._is_late(one, 0), self._depth(one, 0), min(map(device_order, devices), default=())

    def _below(self, one: BlockDevice) -> Iterator[BlockDevice]:
        whole = KERNEL_ARRAY.fullmatch(one.name)
        if whole and whole[2] and whole[1] in self._by_name:  # a partition of an array
            yield self._by_name[whole[1]]
        yield from (self._by_name[name] for name in one.slaves if name in self._by_name)

    def _bases(self, one: BlockDevice, depth: int) -> Iterator[str]:
        below = list(self._below(one)) if depth < DEEPEST else []
        if not below:
            yield one.name
        for lower in below:
            yield from self._bases(lower, depth + 1)

    def _is_late(self, one: BlockDevice, depth: int) -> bool:
        return one.is_degraded or (
            depth < DEEPEST and any(self._is_late(low, depth + 1) for low in self._below(one))
        )

    def _depth(self, one: BlockDevice, depth: int) -> int:
        """How many arrays, groups and encryptions lie below; hidden parts of LVM are no step."""
        if depth >= DEEPEST:
            return 0
        lower = [self._depth(low, depth + 1) for low in self._below(one)]
        return max(lower, default=0) + bool(lower)
