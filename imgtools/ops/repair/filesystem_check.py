"""Have filesystems mended by their own checkers: e2fsck, xfs_repair, btrfs check, fsck.fat, ntfsfix.

Without ``device``, those whose superblock says that errors were met; with it, that one, whatever it says. ``type`` says
what it is where its superblock is gone (ext4: the checker finds a copy). What the checker changed, and how many files
went to lost+found, is in the report's warnings. The guest need not be readable: a damaged root is the usual case.

What may lose data needs ``force=yes``: a log of XFS that cannot be replayed is thrown away, btrfs check repairs. Else
a btrfs is mounted once, which replays its log, and only checked. NTFS gets its log reset and is marked, so that
Windows checks it at its next boot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, CheckFilesystem
from imgtools.errors import UnsupportedGuest
from imgtools.guest.disk_state import MENDED, complaining, own_volumes, volume_called
from imgtools.guest.guest import Guest
from imgtools.ops.operation import ANY, Operation
from imgtools.records.disks import Volume


@dataclass(frozen=True, slots=True)
class Params:
    """``device``: its name, UUID or label; ``type`` one of those that are mended; ``force``: what may lose data too."""

    device: str = ""
    type: str = ""
    force: bool = False

    def __post_init__(self) -> None:
        if self.type and self.type not in MENDED:
            raise ValueError(f"no filesystem that is mended: {self.type!r} (known: {', '.join(MENDED)})")
        if self.type and not self.device:
            raise ValueError("type goes with device")


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the checks.

    :raises UnsupportedGuest: there is no such volume, or nobody mends what is on it.
    """
    wanted = [_named(guest, params.device)] if params.device else complaining(guest)
    for volume in wanted:
        kind = params.type or volume.content
        if kind not in MENDED:
            raise UnsupportedGuest(
                f"nobody mends what is on {volume.device}: {kind or 'nothing is recognised there'}",
                hint="say what it was: --set filesystem-check.type=ext4",
            )
        yield CheckFilesystem(volume.device, kind, params.force)


def _named(guest: Guest, name: str) -> Volume:
    found = volume_called(guest, name)
    if found is None:
        there = ", ".join(one.device for one in own_volumes(guest))
        raise UnsupportedGuest(f"there is no volume {name}", hint=f"there are: {there}")
    return found


OPERATION = Operation(
    summary="Check and mend filesystems",
    families=ANY,
    plan=plan,
    params=Params,
    order=100,
    notes="What a checker cannot put back in its place lies in lost+found, under numbers for names.",
)
