"""Give every filesystem of the guest a new random UUID."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, SetUuid
from imgtools.guest.guest import Guest
from imgtools.ops.operation import ANY, NoParams, Operation
from imgtools.records.disks import Holder

# What libguestfs' set_uuid_random can change.
KNOWN = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "swap"})


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield a new UUID for each filesystem, once, however often the guest mounts it."""
    for device in dict.fromkeys(
        mount.volume.device
        for mount in guest.mounts
        if mount.volume.content in KNOWN and mount.volume.holder is not Holder.SUBVOLUME
    ):
        yield SetUuid(device)


OPERATION = Operation(
    summary="Give filesystems new UUIDs",
    families=ANY,
    plan=plan,
    default=False,
    repeats=True,
    notes=(
        "fstab, crypttab and the boot loader still name the old UUIDs: a guest that mounts by UUID will not boot "
        "until they are edited. This is why the operation does not run by default."
    ),
)
