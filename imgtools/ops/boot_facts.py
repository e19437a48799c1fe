"""What several checks want to know of how a Linux guest boots; each is told once, by ``examined.once``."""

from __future__ import annotations

from collections.abc import Mapping

from imgtools.guest.boot.bootloader import Boot, find_boot
from imgtools.guest.boot.kernel_config import read_kernel_config
from imgtools.guest.boot.kernels import Kernel
from imgtools.ops.station import Examined


def boot_of(examined: Examined) -> Boot:
    """The boot loader, and the kernels with the default one marked."""
    return find_boot(examined.files, examined.layout.disks)


def default_kernel(examined: Examined) -> Kernel | None:
    """The kernel that is started if nobody chooses; the newest where no menu says; None if there is none."""
    kernels = examined.once(boot_of).kernels
    return next((one for one in kernels if one.default), kernels[0] if kernels else None)


def kernel_options(examined: Examined) -> Mapping[str, str] | None:
    """The configuration of that kernel; None if it is not there."""
    return read_kernel_config(examined.files, examined.once(default_kernel))
