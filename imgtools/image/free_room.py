"""What of a disk nothing in it uses: free in its filesystems, swap, free extents of LVM, gaps between partitions.

Only what two readers agree on is taken for free: ours and the program that belongs to it. A filesystem that is not
clean is refused and not left out, because nobody would see that it was; whoever does not want it names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from imgtools.engine.direct.free_lists import confirm_free
from imgtools.engine.direct.shown import shown
from imgtools.engine.sfdisk import read_table
from imgtools.errors import BadImage, EditFailed, UnsupportedFormat, UsageError
from imgtools.filesystems.free_room import READERS, free_room
from imgtools.filesystems.state import btrfs_devices, filesystem_state
from imgtools.image.handle import Image
from imgtools.records.disks import Declined, Disk, Holder, Layout, Volume
from imgtools.records.free_room import Free, FreePlaces, Wish
from imgtools.volumes.luks.disk import LuksDisk
from imgtools.volumes.lvm import read_member
from imgtools.volumes.lvm_free import free_extents
from imgtools.volumes.names import is_called
from imgtools.volumes.ranges import Range, joined
from imgtools.volumes.volume_file import DiskFile, DiskServer

if TYPE_CHECKING:
    from imgtools.engine.direct.session import DirectSession

MIB = 1 << 20
KEPT_AT_END = MIB  # of a disk: a backup GPT, Windows' database of dynamic disks, superblocks of firmware RAID
NO_SHARING = ("snapshot", "snapshot-merge", "thin")  # kinds of logical volumes that may show parts of others


def find_free_room(image: Image, wish: Wish) -> FreePlaces:
    """Find what is free on the only disk of an image.

    :raises UsageError: a device of the wish is none, or cannot be emptied.
    :raises EditFailed: a filesystem is not clean, or two readers do not agree on it.
    :raises OddGuest: its tables are damaged.
    """
    image.layout()
    work = _Search(*image._on_disk(), wish)
    work.search()
    return FreePlaces(tuple(work.free), tuple(work.left))


class _Search:
    def __init__(self, session: DirectSession, servers: Sequence[DiskServer], wish: Wish) -> None:
        self._session, self._servers, self._wish = session, tuple(servers), wish
        self._layout = session.layout()
        self._ignored = _named(self._layout, wish.ignore, "--ignore")
        self._zeroed = _named(self._layout, wish.zero, "--zero")
        self.free: list[Free] = []
        self.left: list[Declined] = []

    def search(self) -> None:
        if both := sorted(self._ignored & self._zeroed):
            raise UsageError(f"{both[0]} is to be left as it is, and to be emptied", hint="choose one")
        _refuse_overlaps(self._layout.disks[0])
        containers = {part.device for part in self._layout.disks[0].partitions if part.kind == "extended"}
        volumes = [
            one
            for one in self._layout.volumes
            if one.holder is not Holder.SUBVOLUME and one.device not in containers
        ]
        for volume in volumes:
            self._look_at(volume)
        self._look_at_groups([one for one in volumes if one.content == "LVM2_member"])
        self._look_at_gaps(self._layout.disks[0])

    def _leave(self, device: str, reason: str) -> None:
        self.left.append(Declined(device, reason))

    # -- volumes -----------------------------------------------------------------------------------------------

    def _look_at(self, volume: Volume) -> None:
        device, content = volume.device, volume.content
        if self._is_in(volume, self._ignored):
            self._leave(device, "as was asked for")
            return
        file = self._session.volume_file(device)
        if device in self._zeroed:
            self._empty(volume, file)
        elif content == "swap" and not self._wish.swap:
            self._leave(device, "as was asked for")
        elif content in READERS or content == "swsuspend":
            if reason := self._why_not(volume, file):
                self._leave(device, reason)
            elif file is not None:
                self._look_into(volume, file)
        elif content == "crypto_LUKS" and not self._is_opened(volume):
            self._leave(device, "encrypted, and no key was given for it")
        elif content not in ("LVM2_member", "crypto_LUKS"):
            self._leave(device, f"what is free in {content or 'unknown content'} is not known here")

    def _is_in(self, volume: Volume, names: set[str]) -> bool:
        """Whether a volume, or anything that it lies on, is among these."""
        return volume.device in names or any(self._is_in(one, names) for one in self._parents(volume))

    def _parents(self, volume: Volume) -> Iterator[Volume]:
        return (one for one in self._layout.volumes if one.device in volume.parents and one != volume)

    def _is_opened(self, volume: Volume) -> bool:
        return any(volume.device in one.parents for one in self._layout.volumes)

    def _why_not(self, volume: Volume, file: DiskFile | None) -> str:
        """Why what is free in a volume is free for others too; "" where it is not."""
        if file is None:
            return "it is not put together here"
        below = [volume, *self._below(volume)]
        if any(one.holder is Holder.MD for one in below):
            return "it lies on software RAID, whose disks have to stay alike"
        if any(one.holder is Holder.CRYPT for one in below) and not self._wish.encrypted:
            return (
                "encrypted: what is free in it would be seen from outside (--discard-encrypted accepts that)"
            )
        groups = {lv.vg for lv in self._layout.lvs if lv.device in {one.device for one in below}}
        if any(lv.vg in groups and lv.kind in NO_SHARING for lv in self._layout.lvs):
            return "its volume group has snapshots or thin volumes, which may show what is free here"
        if volume.content == "btrfs" and btrfs_devices(file) != 1:
            return "it is a btrfs of several devices"
        if self._on_disk(file, [(0, file.size)]) is None:
            return "it is put together of parts that are not simply one behind the other"
        return ""

    def _below(self, volume: Volume) -> Iterator[Volume]:
        for one in self._parents(volume):
            yield one
            yield from self._below(one)

    def _look_into(self, volume: Volume, file: DiskFile) -> None:
        if volume.content == "swsuspend":
            raise _unclean(volume, "a hibernated system lies in it")
        for said in filesystem_state(file, volume.content):
            raise _unclean(volume, said.text)
        if volume.content in ("ntfs", "btrfs"):
            mounted = self._session.mount(volume)
            if isinstance(mounted, Declined):
                raise _unclean(volume, mounted.reason)
        found = free_room(file, volume.content)
        if isinstance(found, Declined):
            self._leave(volume.device, found.reason)
            return
        confirm_free(file, volume.content, found)
        self._note(volume.device, volume.content, file, found)

    def _empty(self, volume: Volume, file: DiskFile | None) -> None:
        if file is None or self._on_disk(file, [(0, file.size)]) is None:
            raise UsageError(f"{volume.device} cannot be emptied: it is not put together here")
        if inside := [one.device for one in self._layout.volumes if volume.device in one.parents]:
            raise UsageError(f"{volume.device} holds {inside[0]}", hint="empty what is in it: --zero DEVICE")
        self._note(volume.device, volume.content, file, [(0, file.size)], zero=True)

    def _note(
        self, device: str, content: str, file: DiskFile, ranges: Sequence[Range], *, zero: bool = False
    ) -> None:
        places = self._on_disk(file, ranges)
        if places is None:
            self._leave(device, "it is put together of parts that are not simply one behind the other")
            return
        self.free.append(Free(device, content, file.size, tuple(joined(places)), zero))

    def _on_disk(self, file: DiskFile, ranges: Sequence[Range]) -> list[Range] | None:
        """Where parts of a volume are on the disk; None if that is not simply somewhere."""
        found: list[Range] = []
        for start, end in ranges:
            for extent in file.stretches(start, end - start):
                server = extent.server
                if server in self._servers:
                    found.append((extent.offset, extent.offset + extent.length))
                elif isinstance(server, LuksDisk):
                    first = server.segment.offset + extent.offset
                    below = self._on_disk(server.file, [(first, first + extent.length)])
                    if below is None:
                        return None
                    found += below
                else:
                    return None
        return found

    # -- LVM ---------------------------------------------------------------------------------------------------

    def _look_at_groups(self, volumes: Sequence[Volume]) -> None:
        members = []
        for volume in volumes:
            file = self._session.volume_file(volume.device)
            member = read_member(file, volume.device) if file is not None else None
            if member is not None:
                members.append(member)
        known = {volume.device: volume for volume in volumes}
        for one in free_extents(members):
            volume, file = known[one.device], self._session.volume_file(one.device)
            ignored = _group(one.group) in self._ignored or self._is_in(volume, self._ignored)
            reason = one.problem or ("as was asked for" if ignored else "")
            if reason or not one.ranges or file is None:
                if reason:
                    self._leave(one.device, reason)
                continue
            if reason := self._why_not(volume, file):
                self._leave(one.device, reason)
                continue
            self._note(one.device, f"free extents of {one.group}", file, one.ranges)

    # -- gaps --------------------------------------------------------------------------------------------------

    def _look_at_gaps(self, disk: Disk) -> None:
        if not disk.table or not disk.partitions or disk.device in self._ignored:
            return
        if disk.problems:
            self._leave(f"{disk.device} between partitions", disk.problems[0])
            return
        whole = DiskFile.whole(self._servers[0], disk.device)
        gaps = joined(_gaps(disk))
        if not gaps:
            return
        try:
            with shown(whole) as host_path:
                table = read_table(host_path, sector_size=disk.sector_size)
        except UnsupportedFormat as error:
            self._leave(f"{disk.device} between partitions", error.message)
            return
        unit = table.sector_size
        theirs = {(one.start * unit, one.size * unit) for one in table.entries if not table.is_extended(one)}
        if theirs != {(one.start, one.size) for one in disk.partitions if one.kind != "extended"}:
            raise EditFailed(
                f"{disk.device}: two readers do not agree on where its partitions are",
                hint=f"--ignore {disk.device} leaves what is between them",
            )
        self._note(disk.device, "gaps between partitions", whole, gaps)


def _gaps(disk: Disk) -> Iterator[Range]:
    """What of a disk is in no partition: not what is before the first, where boot code is, nor the very end.

    An extended partition counts as a whole: the tables of those in it are between them.
    """
    parts = sorted((one.start, one.start + one.size) for one in disk.partitions if one.kind != "logical")
    for (_, end), (start, _) in pairwise([*parts, (disk.size - KEPT_AT_END, disk.size)]):
        yield end, start


def _refuse_overlaps(disk: Disk) -> None:
    parts = sorted((one.start, one.start + one.size) for one in disk.partitions if one.kind != "extended")
    for (_, end), (start, _) in pairwise(parts):
        if start < end:
            raise BadImage(
                f"two partitions of {disk.device} overlap: what is free in one may be used by the other"
            )


def _unclean(volume: Volume, reason: str) -> EditFailed:
    return EditFailed(
        f"the {volume.content} on {volume.device} is not clean: {reason}",
        hint=f"start the guest and shut it down, or repair it; --ignore {volume.device} leaves it as it is",
    )


def _group(name: str) -> str:
    """What a volume group is called where its free extents are to be left as they are."""
    return f"/dev/{name}"


def _named(layout: Layout, words: Sequence[str], option: str) -> set[str]:
    """Return the devices that words mean."""
    found: set[str] = set()
    names = [one for one in layout.volumes if one.holder is not Holder.SUBVOLUME]
    for word in words:
        meant = {one.device for one in names if is_called(one, word)}
        if option == "--ignore":
            meant |= {disk.device for disk in layout.disks if disk.device == word}
            meant |= {_group(vg.name) for vg in layout.vgs if word in (vg.name, _group(vg.name))}
        if not meant:
            known = ", ".join(one.device for one in names) or "none"
            raise UsageError(f"{option}: the disk has no volume {word}", hint=f"it has these: {known}")
        found |= meant
    return found
