"""Give LVM's physical volumes and volume groups new UUIDs, so that two clones can be attached to one host.

A volume group that GRUB finds ``/boot`` in keeps its own UUID: grub-install has written it into the boot loader,
compressed, and a guest whose volume group is called otherwise stops at ``grub rescue>``. Its physical volumes get
new UUIDs all the same. Clones of one template would share what it got: `imgtools clone` gives each of them its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, NewLvmUuids
from imgtools.guest.guest import Guest
from imgtools.ops.operation import LINUX, NoParams, Operation
from imgtools.records.disks import Holder, Volume


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield one change for all volume groups that the guest mounts something of."""
    if groups := groups_of(guest):
        yield NewLvmUuids(groups, keep_groups=tuple(_found_by_grub(guest)))


def lacking(guest: Guest) -> str:
    """Say so if the guest mounts no logical volume."""
    return "" if groups_of(guest) else "no logical volumes"


def groups_of(guest: Guest) -> tuple[str, ...]:
    """Return the names of the volume groups that the guest mounts something of, sorted."""
    volumes = [mount.volume for mount in guest.mounts if mount.volume.holder is Holder.LV]
    return tuple(sorted({group_of(volume) for volume in volumes}))


def group_of(volume: Volume) -> str:
    """Return the name of the volume group of a logical volume: the middle of ``/dev/VG/LV``."""
    return volume.device.split("/")[2]


def _found_by_grub(guest: Guest) -> Iterator[str]:
    boot = [mount.volume for mount in guest.mounts if mount.path == "/boot"]
    root = [mount.volume for mount in guest.mounts if mount.path == "/"]
    volume = (boot or root)[0]
    if volume.holder is Holder.LV and (guest.files.is_dir("/boot/grub") or guest.files.is_dir("/boot/grub2")):
        yield group_of(volume)


OPERATION = Operation(
    summary="Give LVM new UUIDs",
    families=LINUX,
    plan=plan,
    lacking=lacking,
    repeats=True,
    notes="The names of groups and volumes stay: fstab and the boot loader use them.",
)
