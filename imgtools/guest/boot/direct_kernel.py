"""A guest's own kernel, started by QEMU without a boot loader, with a serial console: to look at early failures."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.own_files import make_own
from imgtools.errors import GuestFileError, UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootloader import find_boot
from imgtools.guest.boot.kernels import Kernel
from imgtools.guest.guest import Guest
from imgtools.records.disks import Disk
from imgtools.records.machine import DirectKernel
from imgtools.records.system import OsType

CONSOLE = "console=ttyS0,115200"
# What would keep early words from the console.
SILENT = frozenset(
    {"quiet", "splash", "rhgb", "vt.handoff=7", "loglevel=0", "loglevel=1", "loglevel=2", "loglevel=3"}
)
LARGEST = 1 << 30  # bytes of a kernel or an initrd
PIECE = 1 << 20
LONGEST = 2000  # characters of a command line; x86 takes 2048 (COMMAND_LINE_SIZE)


@contextmanager
def kernel_of(guest: Guest, disks: Sequence[Disk]) -> Iterator[DirectKernel]:
    """Copy the kernel that a guest boots by default, and its initrd, into a private folder until the block ends.

    :raises UnsupportedGuest: it is no Linux, or its kernel is one that QEMU does not start.
    :raises GuestFileError: there is no kernel.
    """
    if guest.os.type is not OsType.LINUX:
        raise UnsupportedGuest(
            f"{guest.os.product_name or guest.os.type} has no kernel that QEMU starts by itself",
            hint="--kernel-from-guest is for Linux guests",
        )
    boot = find_boot(guest.files, disks)
    kernel = next((one for one in boot.kernels if one.default), next(iter(boot.kernels), None))
    if kernel is None:
        raise GuestFileError(
            "no kernel in the guest's /boot", path="/boot", hint="imgtools inspect lists kernels"
        )
    _require_bzimage(guest.files, kernel)
    with scratch_folder() as folder:
        target = folder / "kernel"
        _copy(guest.files, kernel.vmlinuz, target)
        initrd = folder / "initrd" if kernel.initrd else None
        if initrd is not None:
            _copy(guest.files, kernel.initrd, initrd)
        yield DirectKernel(target, arguments(kernel, guest.root.uuid, guest.root.device), initrd)


def arguments(kernel: Kernel, uuid: str, device: str) -> str:
    """Return the kernel's command line as the boot loader gives it, with a serial console and without silence.

    :param uuid: of the root's filesystem, for a menu that does not say where the root is.
    """
    # What GRUB's script would put in is not known here.
    words = [word for word in kernel.cmdline.split() if word not in SILENT and "$" not in word]
    if not any(word.startswith("root=") for word in words):
        name = (
            f"/dev/mapper/{device.split('/')[-2]}-{device.split('/')[-1]}" if device.count("/") == 3 else ""
        )
        words.insert(0, f"root={name or f'UUID={uuid}'}")
    words = [word for word in words if not re.match(r"console=ttyS0\b", word)]
    return " ".join([*words, CONSOLE])[-LONGEST:]


def _require_bzimage(files: GuestReader, kernel: Kernel) -> None:
    """Only a kernel with the head of the x86 boot protocol can be started (Documentation/arch/x86/boot.rst: HdrS)."""
    with files.open(kernel.vmlinuz) as stream:
        head = stream.read(0x206)
    if head[0x202:0x206] != b"HdrS":
        raise UnsupportedGuest(
            f"{kernel.vmlinuz} is no kernel that QEMU starts by itself",
            hint="unified kernel images and damaged kernels are not; leave --kernel-from-guest out",
        )


def _copy(files: GuestReader, path: str, target: Path) -> None:
    left = LARGEST
    with files.open(path) as stream, os.fdopen(make_own(target), "wb") as copy:
        while left > 0 and (piece := stream.read(min(PIECE, left))):
            copy.write(piece)
            left -= len(piece)
