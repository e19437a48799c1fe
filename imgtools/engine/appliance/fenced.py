"""The fence around the QEMU of libguestfs' appliance: libguestfs starts it, and is told of a script of ours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imgtools.engine.confined.fence import is_off
from imgtools.engine.confined.kinds import Kind
from imgtools.engine.confined.launcher import write_launcher

KVM = Path("/dev/kvm")
# Bytes of QEMU's path. libguestfs 1.48.6 writes behind the end of a buffer when it is told of a QEMU whose path has
# between 73 and 140 (seen with valgrind, as invalid writes in guestfs_launch); most often the process then aborts.
LONGEST_NAME = 64


def fenced_qemu(
    folder: Path,
    own: Path,
    program: str,
    *,
    appliance: Sequence[Path],
    reads: Sequence[Path],
    writes: Sequence[Path],
    network: bool,
) -> Path:
    """Return the path by which libguestfs is to call QEMU.

    :param folder: a short one of the launch's own, for what is called.
    :param own: another one: libguestfs' temporary files and QEMU's are there.
    :param appliance: where kernel, initrd and root of the appliance are.
    :param reads: disks of the guest that are files, to read.
    :param writes: those to write.
    :param network: whether the machine is to reach the network.
    """
    if not is_off():
        kind = Kind.CONNECTED_MACHINE if network else Kind.MACHINE
        return write_launcher(folder, own, program, kind, [*appliance, *reads], [KVM, *writes])
    if len(os.fsencode(program)) <= LONGEST_NAME:
        return Path(program)
    link = folder / "qemu"
    link.symlink_to(program)
    return link
