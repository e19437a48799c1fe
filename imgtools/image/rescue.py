"""The two doors for a shell in the appliance: to look at a guest, and to change it as a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from imgtools.disk.backing import examine_disks
from imgtools.errors import EditFailed, RolledBack
from imgtools.image.differences import Differences, Side, find_differences, written_ranges
from imgtools.image.edit import ImageEdit, edit_request
from imgtools.image.handle import DiskServers, Image, open_request
from imgtools.image.sharing import sharing
from imgtools.records.disks import Mount
from imgtools.records.image import DiskSource
from imgtools.records.request import Backing, ImageRequest, Target
from imgtools.records.shell import Shell
from imgtools.records.system import Warned

if TYPE_CHECKING:
    from imgtools.engine.appliance.session import ApplianceSession, Boot
    from imgtools.engine.appliance.write import BootedSession


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the shell runs in."""

    memory: int = 0  # MiB; 0: as much as libguestfs takes
    network: bool = False
    append: str = ""  # words for its kernel
    attach: tuple[Path, ...] = ()  # more disks, to read from


def open_for_rescue(request: ImageRequest, target: Target, machine: Machine) -> AbstractContextManager[Image]:
    """Open an image for a shell: for reading, or for an edit where ``target`` writes."""
    boot = _boot(machine)
    return open_request(request, boot) if target.is_dry_run else edit_request(request, target, boot)


def _boot(machine: Machine) -> Boot:
    from imgtools.engine.appliance.rescue import boot_for_rescue

    return partial(
        boot_for_rescue, wanted_memory=machine.memory, network=machine.network, append=machine.append
    )


@contextmanager
def rescue_in(
    image: Image, mounts: Sequence[Mount], machine: Machine, backing: Backing
) -> Iterator[tuple[Shell, tuple[Warned, ...]]]:
    """Boot the appliance and mount a guest in it for a shell, with what there is to say of that.

    :raises EngineFailed: the guest's root cannot be mounted.
    :raises ApplianceFailed: the appliance does not start.
    """
    from imgtools.engine.appliance.rescue import Rescue

    with ExitStack() as stack:
        attached = DiskServers(
            examine_disks([DiskSource(path) for path in machine.attach], backing), (), stack
        )
        servers = attached() if machine.attach else ()
        rescue = Rescue(cast("ApplianceSession", image._booted()), writable=isinstance(image, ImageEdit))
        declined = rescue.mount(mounts)
        places = rescue.attach(servers)
        warnings = [
            Warned(f"not mounted: {one.reason}", one.what) for one in declined if not _is_mounted(one.reason)
        ]
        warnings += [Warned(one.reason, one.what) for one in declined if _is_mounted(one.reason)]
        names = zip(machine.attach, places, strict=True)
        warnings += [Warned(f"attached as {place}", str(path)) for path, place in names]
        yield rescue, tuple(warnings)


def _is_mounted(reason: str) -> bool:
    return reason.startswith("mounted read-only")


def check_written(image: ImageEdit, mounts: Sequence[Mount]) -> tuple[Warned, ...]:
    """Have the guest's filesystems checked, as after every edit; returns what their checkers find.

    Nothing of them may be mounted any more.
    """
    session = cast("BootedSession", image._booted())
    found = []
    for volume in dict.fromkeys(mount.volume for mount in mounts):
        if session.content_now(volume) != volume.content:
            continue  # it is something else now, which is said; there is nothing to check it by
        try:
            session.writer.check(volume)
        except (RolledBack, EditFailed) as error:
            found.append(Warned(error.message, volume.device))
    return tuple(found)


def differences(
    image: ImageEdit, request: ImageRequest, mounts: Sequence[Mount], *, alone: bool
) -> Differences:
    """Compare what the overlays of an edit hold with the image below; the appliance ends before that.

    :param alone: as :func:`imgtools.image.differences.find_differences`.
    """
    image._let_go()
    ranges = written_ranges(image._overlays)
    if not any(ranges):
        return Differences()
    with sharing(), open_request(request) as before, image._result() as after:
        return find_differences(Side.of(before), Side.of(after), ranges, mounts, alone=alone)


def take_over(image: ImageEdit) -> None:
    """Have what the shell has written on the overlays count as the change of the edit.

    :raises NoRoom: the host has no room left: some of it may not have been written.
    """
    image._take_over()
