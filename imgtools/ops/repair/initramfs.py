"""Make a kernel's initramfs anew with the guest's own program: update-initramfs, dracut, mkinitcpio, booster, mkinitfs.

Without ``kernel``, for each kernel whose initramfs is missing or empty, though others have one or the boot menu names
one; ``kernel`` is a version, such as 6.1.0-18-amd64, and gets a new one whatever it has: what it has may be damaged
inside. It holds the drivers of all hardware, not only of what the appliance has. When it is made, the program that
belongs to it has to be able to read it. Where the boot menu takes it from another place, as from the ESP that
kernel-install has copied it to, it is put there as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.errors import UnsupportedGuest
from imgtools.guest.boot.kernels import find_kernels
from imgtools.guest.boot.programs import find_maker, initramfs_script
from imgtools.guest.guest import Guest
from imgtools.ops.boot_repairs import copies, running, without_initramfs
from imgtools.ops.operation import LINUX, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``kernel``: the version of a kernel; "": those that have none."""

    kernel: str = ""


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield a run for each kernel.

    :raises UnsupportedGuest: there is no such kernel, or its modules are not there.
    """
    kernels = list(without_initramfs(guest))
    if params.kernel:
        known = find_kernels(guest.files)
        kernels = [one for one in known if one.version == params.kernel]
        if not kernels:
            there = ", ".join(one.version for one in known) or "none"
            raise UnsupportedGuest(f"there is no kernel {params.kernel}", hint=f"there are: {there}")
        if not kernels[0].modules_path:
            raise UnsupportedGuest(f"the modules of kernel {params.kernel} are not there: /lib/modules")
    for kernel in kernels:
        what = f"{find_maker(guest.files)} for {kernel.version}"
        yield running(guest, initramfs_script(guest.files, kernel, copies(guest.files, kernel)), what)


def lacking(guest: Guest) -> str:
    """Say so if the guest has none of the programs."""
    return "" if find_maker(guest.files) else "no program that makes an initramfs"


OPERATION = Operation(
    summary="Make an initramfs anew",
    families=LINUX,
    plan=plan,
    params=Params,
    lacking=lacking,
    order=320,
)
