r"""Give a Windows guest the drivers of virtio devices, so that it boots on them: virtio-win's disc image, or a folder.

Which drivers are for the guest is read in their INF files, by its version and processor; a driver in a folder named
after a later Windows is not taken. Drivers of disks (viostor, vioscsi) are registered to be loaded at boot, with the
ids of their devices: before Windows 8 in the CriticalDeviceDatabase, since then in the DriverDatabase. All drivers
(also netkvm, balloon, vioserial, viorng, pvpanic and so on, as far as they are there) are put into
``C:\Windows\Drivers\VirtIO``, where Plug and Play looks for them when it meets their devices. What the guest has in a
newer version stays as it is, with a warning. Programs, such as the guest agent, are not installed.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.virtio_plans import virtio_changes, virtio_remarks
from imgtools.records.orders import Order
from imgtools.records.system import Warned


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the files and the entries of the registry.

    :raises ImgtoolsError: as :func:`imgtools.ops.virtio_plans.virtio_changes`.
    """
    yield from virtio_changes(guest, order.text)


def remarks(guest: Guest, order: Order) -> Iterator[Warned]:
    """Yield the drivers that the guest has in a newer version, and those that are not complete."""
    yield from virtio_remarks(guest, order.text)


OPERATION = Operation(
    summary="Give a Windows guest virtio drivers, so that it boots on virtio disks",
    plan=plan,
    params=Order,
    families=WINDOWS,
    metavar="ISO_OR_FOLDER",
    how="of virtio-win's disc image, or a folder with its files",
    remarks=remarks,
    notes="""
The guest agent and other programs of the disc are not installed, and display drivers (qxl, viogpudo) only put where
Windows finds them. A driver that Windows does not trust is not loaded: use those that are signed by Microsoft, or, of
Windows before 8, see that the guest knows SHA-2 signatures (KB3033929). No real Windows was there to boot
([what was tried](../windows.md)).
""",
)
