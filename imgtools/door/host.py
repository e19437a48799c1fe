"""What is about this host: what works on it, and images as folders of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from imgtools.door.opening import (
    ENGINES,
    EngineName,
    GuestOptions,
    HostPath,
    Images,
    Size,
    make_request,
    maybe_path,
    one_of,
    size_text,
)
from imgtools.door.writing import WriteOptions, read_asked
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, Target
from imgtools.units import parse_size

if TYPE_CHECKING:
    from imgtools.workflows.boot import BootReport
    from imgtools.workflows.doctor import DoctorReport
    from imgtools.workflows.mount import MountReport, UnmountReport
    from imgtools.workflows.with_guest import WithReport


def doctor(*, launch: bool = False, engine: EngineName = Engine.AUTO) -> DoctorReport:
    """Tell what works on this host, and what mends the rest; ``report.healthy`` is the answer.

    :param launch: boot the appliance as a full test.
    :param engine: judge only what this engine needs.
    """
    from imgtools.workflows.doctor import examine_host

    return examine_host(launch=launch, engine=one_of(ENGINES, engine))


def boot(
    images: Images,
    *,
    firmware: Literal["", "bios", "uefi"] = "",
    bus: Literal["", "virtio", "scsi", "sata", "ide", "nvme"] = "",
    memory: Size | None = None,
    cpus: int | None = None,
    network: Literal["none", "user"] = "none",
    timeout: float | None = None,
    expect: str = "",
    kernel_from_guest: bool = False,
    screenshot: HostPath | None = None,
    console: HostPath | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[GuestOptions],
) -> BootReport:
    """Boot the guest in QEMU and return how that ends; ``report.reached`` is the answer. Nothing is written.

    What is not given of the machine is chosen from what the guest is.

    :param timeout: seconds that a verdict is waited for; None: as long as is usual.
    :param expect: a pattern that the console or the screen has to show; without it, a login is waited for.
    :param screenshot: a new PNG file; ``console``: one for what the serial console says.
    :raises NoGuest: no system is known on the disks, and no ``firmware`` is given.
    :raises UnsupportedGuest: it is for another processor.
    :raises HostError: the host has not as much memory free as the guest needs.
    :raises ToolMissing: QEMU, or its UEFI firmware, is not installed.
    """
    from imgtools.guest.boot.machine_choice import Wishes, parse_network
    from imgtools.workflows.boot import BootRequest
    from imgtools.workflows.boot import boot as start

    size = None if memory is None else parse_size(size_text(memory))
    wishes = Wishes(firmware, bus, size, cpus, network=parse_network(network))
    files = (maybe_path(screenshot), maybe_path(console))
    how = BootRequest(wishes, timeout, expect, kernel_from_guest, *files, overwrite)
    return start(make_request(images, **options), how, progress=progress)


def mount(
    images: Images,
    folder: HostPath,
    *,
    write: bool = False,
    foreground: bool = False,
    allow_other: bool = False,
    **options: Unpack[GuestOptions],
) -> MountReport:
    """Show the guest's files in an empty folder of the host, until :func:`unmount`. A process of its own serves it.

    That process is a fork of the program: mount before you start threads.

    :param write: what is changed in the folder is one transaction, which the unmounting makes.
    :param foreground: serve in this process, and return when it is unmounted.
    :param allow_other: other users may look too.
    :raises HostError: the folder is not there, or not empty, or the host has no FUSE.
    """
    from imgtools.workflows.mount import mount_image

    request = make_request(images, **options)
    return mount_image(request, Target(write), Path(folder), foreground=foreground, allow_other=allow_other)


def unmount(folder: HostPath) -> UnmountReport:
    """Unmount a folder, and return when its changes are made, or refused.

    :raises HostError: nothing of ours is mounted there, or it is in use.
    :raises ImgtoolsError: the changes could not be made; the image is as it was.
    """
    from imgtools.workflows.mount import unmount_image

    return unmount_image(Path(folder))


def run_with(images: Images, command: Sequence[str], **options: Unpack[WriteOptions]) -> WithReport:
    """Run a program of this host in a guest's files as a folder, which is its working directory and $IMGTOOLS_ROOT.

    With ``write`` or ``output``, what it changed is made in the guest, all or nothing, if it ended with 0.

    :param command: the program and its arguments, without a shell.
    :raises HostError: there is no such program; or the folder is still in use, and nothing was written.
    """
    from imgtools.workflows.with_guest import run_with as run

    asked = read_asked(images, **options)
    return run(asked.request, asked.target, command)
