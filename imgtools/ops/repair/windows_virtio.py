"""Give Windows the drivers of virtio disks and networks, without which it stops with INACCESSIBLE_BOOT_DEVICE (7B).

``drivers`` is virtio-win's disc image on the host, or a folder with its files. It does what ``imgtools customize
--virtio-drivers`` does: drivers of disks are registered to be loaded at boot, with the ids of their devices, and all
are put where Plug and Play looks for them. One that the guest has in a newer version stays, but is loaded at boot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.virtio_plans import virtio_changes, virtio_remarks
from imgtools.ops.windows_repairs import require_said
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class Params:
    """``drivers``: a disc image or a folder of the host."""

    drivers: str = ""

    def __post_init__(self) -> None:
        require_said(self.drivers, "drivers")


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the files and the entries of the registry.

    :raises ImgtoolsError: as :func:`imgtools.ops.virtio_plans.virtio_changes`.
    """
    yield from virtio_changes(guest, params.drivers)


def remarks(guest: Guest, params: Params) -> Iterator[Warned]:
    """Yield the drivers that the guest has in a newer version, and those that are not complete."""
    yield from virtio_remarks(guest, params.drivers)


OPERATION = Operation(
    summary="Give Windows the drivers of virtio disks and networks",
    families=WINDOWS,
    plan=plan,
    params=Params,
    default=False,
    remarks=remarks,
)
