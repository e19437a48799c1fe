"""What is about this host: what works on it, and images as folders of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from imgtools.door.opening import ENGINES, EngineName, GuestOptions, HostPath, Images, make_request, one_of
from imgtools.records.request import Engine, Target

if TYPE_CHECKING:
    from imgtools.workflows.doctor import DoctorReport
    from imgtools.workflows.mount import MountReport, UnmountReport


def doctor(*, launch: bool = False, engine: EngineName = Engine.AUTO) -> DoctorReport:
    """Tell what works on this host, and what mends the rest; ``report.healthy`` is the answer.

    :param launch: boot the appliance as a full test.
    :param engine: judge only what this engine needs.
    """
    from imgtools.workflows.doctor import examine_host

    return examine_host(launch=launch, engine=one_of(ENGINES, engine))


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
