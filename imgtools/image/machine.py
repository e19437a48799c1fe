"""A machine with the disks of an image: what is on them is only read, what its guest writes is thrown away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from imgtools.disk.in_use import refuse_writer
from imgtools.engine.qemu.machine import Machine, ServedDisk, start_machine
from imgtools.image.handle import DiskServers
from imgtools.records.image import ImageInfo
from imgtools.records.machine import DirectKernel, MachineSpec
from imgtools.records.request import Key

__all__ = ["Machine", "open_machine"]


@contextmanager
def open_machine(
    infos: Sequence[ImageInfo], keys: Sequence[Key], spec: MachineSpec, kernel: DirectKernel | None = None
) -> Iterator[Machine]:
    """Make a machine with some disks, switched off yet, until the block ends.

    :param keys: of encrypted image files; what is encrypted on the disks asks its guest's user.
    :param kernel: is started instead of what is on the disks.
    :raises ImageInUse: a guest has one of the images open for writing.
    :raises ToolMissing: QEMU, or its UEFI firmware, is not installed.
    :raises KeyNeeded: an image file is encrypted, and no key opens it.
    """
    for info in infos:
        refuse_writer(info.source.host_path)
    with ExitStack() as stack:
        served = DiskServers(infos, keys, stack)()
        disks = [ServedDisk(one.socket, one.size) for one in served]
        yield stack.enter_context(start_machine(spec, disks, kernel))
