"""Put the list of devices that LVM may use aside where it hides the guest's own: then LVM uses every device again.

A physical volume that ``/etc/lvm/devices/system.devices`` does not name does not exist for LVM, and neither does a root
on it. The file is renamed to ``system.devices.imgtools``; ``lvmdevices --update`` and ``vgimportdevices -a`` make a new
one. With ``gone=yes`` entries whose physical volume is on none of the disks are dropped, where the others name all that
there are: LVM only warns of them, so it takes all of the guest's disks to know.

Source: lvmdevices(8), lvm.conf(5) (use_devicesfile).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, Move
from imgtools.guest.find.devices import TABLE_LIMIT
from imgtools.guest.guest import Guest
from imgtools.guest.health.lvm_devices import DEVICES, read_lvm_devices
from imgtools.ops.common_plans import rewrite
from imgtools.ops.linux_repairs import free_name
from imgtools.ops.operation import LINUX, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``gone``: yes drops entries whose physical volume is on none of the disks."""

    gone: bool = False


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the renaming, or the file without what is gone."""
    found = read_lvm_devices(guest)
    if found is None:
        return
    if found.hidden and found.used:
        yield Move(DEVICES, free_name(guest.files, f"{DEVICES}.imgtools"))
    elif found.gone and params.gone:
        lines = guest.files.read_text(DEVICES, limit=TABLE_LIMIT).split("\n")
        drop = {one.line for one in found.gone}
        kept = [
            line for number, line in enumerate(lines, 1) if number not in drop and "HASH=" not in line[:5]
        ]
        yield from rewrite(guest.files, DEVICES, "\n".join(kept))


def lacking(guest: Guest) -> str:
    """Say that there is no such list, or no physical volume to be hidden by it."""
    if not guest.files.is_file(DEVICES):
        return "no LVM devices file"
    return "" if guest.layout is not None and guest.layout.pvs else "no physical volume of LVM"


OPERATION = Operation(
    summary="Put an LVM devices file aside that hides the guest's disks",
    families=LINUX,
    order=200,
    plan=plan,
    params=Params,
    default=False,
    lacking=lacking,
    notes="An initial RAM disk with a copy of the file still has the old one: `initramfs` makes it anew.",
)
