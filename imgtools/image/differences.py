"""What a transaction has changed that nobody has planned: found by comparing the disks before and after.

Where the overlay holds nothing, nothing was changed; so only volumes that it holds something of are walked through.
A filesystem that was mounted for writing is written to by its kernel, also if nothing in it was changed: its log, its
counters. So its own bytes count only where its identity changed, or where it was not the kernel's alone meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from imgtools.engine.direct.session import DirectSession
from imgtools.engine.qemu.img.mapping import map_extents
from imgtools.engine.qemu.nodes import chain_node, overlay_node
from imgtools.errors import ImgtoolsError
from imgtools.files.tree import GuestTree
from imgtools.image.compare_files import Found, Pair, compare_trees
from imgtools.image.handle import Image
from imgtools.records.differences import Became, Difference
from imgtools.records.disks import ENCRYPTED, Disk, Holder, Layout, Mount, Volume
from imgtools.records.image import Layer
from imgtools.records.system import Warned
from imgtools.volumes.superblock import lasting_part
from imgtools.volumes.volume_file import DiskFile, DiskServer

COMPARED = 64 << 20  # bytes of one region that are compared; more are taken to be different
WINDOW = 1 << 20
# How much at the beginning of what is no filesystem tells what it is: LVM's metadata, headers of LUKS and of md.
HEADERS = {
    "LVM2_member": 1 << 20,
    "crypto_LUKS": 16 << 20,
    "BitLocker": 64 << 10,
    "linux_raid_member": 8 << 10,
}
TOP_LEVEL = "subvolid=5"  # the tree of a btrfs that has all its subvolumes in it


@dataclass(frozen=True, slots=True)
class Differences:
    """What was found; ``count`` counts also those that are not kept, because there are too many."""

    found: tuple[Difference, ...] = ()
    count: int = 0
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """The image at one time, and its disks as they are read."""

    image: Image
    session: DirectSession
    servers: Sequence[DiskServer]

    @classmethod
    def of(cls, image: Image) -> Side:
        """Return an image as one side."""
        return cls(image, *image._on_disk())


Ranges = Sequence[tuple[int, int]]  # start, end


def written_ranges(overlays: Sequence[tuple[Path, Sequence[Layer]]]) -> tuple[Ranges, ...]:
    """Return what each overlay holds of its disk, as bytes from and up to."""
    found = []
    for overlay, chain in overlays:
        node = overlay_node(overlay, chain_node(chain))
        own = [
            (one.start, one.start + one.length) for one in map_extents(node) if one.depth == 0 and one.present
        ]
        found.append(own)
    return tuple(found)


def find_differences(
    before: Side, after: Side, ranges: Sequence[Ranges], mounts: Sequence[Mount], *, alone: bool
) -> Differences:
    """Compare an image before and after.

    :param ranges: what the overlays hold.
    :param mounts: where the guest mounts its volumes, for the paths in the answer.
    :param alone: whether every filesystem was the kernel's alone meanwhile: nothing else wrote to a mounted one, and
        none was unmounted.
    """
    work = _Comparison(before, after, ranges, mounts, alone)
    work.compare()
    disks = tuple(dict.fromkeys(work.disks))
    found = work.found
    return Differences((*disks, *found.files), len(disks) + found.count, tuple(found.warnings))


class _Comparison:
    def __init__(
        self, before: Side, after: Side, ranges: Sequence[Ranges], mounts: Sequence[Mount], alone: bool
    ) -> None:
        self._before, self._after, self._ranges = before, after, ranges
        self._mounts, self._alone = mounts, alone
        self.found = Found()
        self.disks: list[Difference] = []

    def compare(self) -> None:
        old, new = self._before.image.layout(complete=True), self._after.image.layout(complete=True)
        for number, (one, other) in enumerate(zip(old.disks, new.disks, strict=True)):
            self._compare_disk(number, one, other)
        if (old.pvs, old.vgs, old.lvs) != (new.pvs, new.vgs, new.lvs):
            names = {group.name for group in (*old.vgs, *new.vgs)}
            self._note(", ".join(sorted(names)) or "LVM", "LVM's metadata changed")
        volumes = {one.device: one for one in old.volumes if one.holder is not Holder.SUBVOLUME}
        later = {one.device: one for one in new.volumes if one.holder is not Holder.SUBVOLUME}
        for device in dict.fromkeys([*volumes, *later]):
            self._compare_volume(volumes.get(device), later.get(device), old, new)

    def _note(self, device: str, summary: str) -> None:
        self.disks.append(Difference(Became.DISK, device, f"{device}: {summary}"))

    # -- disks --------------------------------------------------------------------------------------------------

    def _compare_disk(self, number: int, old: Disk, new: Disk) -> None:
        if (old.table, old.table_id, old.partitions) != (new.table, new.table_id, new.partitions):
            self._note(old.device, "its partition table changed")
            return
        if not old.table:
            return
        for start, end in _gaps(old):
            if self._differs(number, start, end):
                self._note(old.device, f"bytes outside its partitions changed, from {start} up to {end}")

    def _differs(self, number: int, start: int, end: int) -> bool:
        """Whether a part of a disk is not as it was; without looking, where it is too much to compare."""
        left = COMPARED
        for first, last in self._ranges[number]:
            at, stop = max(first, start), min(last, end)
            while at < stop:
                size = min(WINDOW, stop - at)
                if (left := left - size) < 0:
                    return True
                if self._before.servers[number].read(at, size) != self._after.servers[number].read(at, size):
                    return True
                at += size
        return False

    # -- volumes ------------------------------------------------------------------------------------------------

    def _compare_volume(self, old: Volume | None, new: Volume | None, before: Layout, after: Layout) -> None:
        device = (old or new).device  # type: ignore[union-attr]
        if old is None or new is None:
            gone = old is not None
            known = old or new
            assert known is not None
            if known.mountable and known.holder in (Holder.LV, Holder.CRYPT, Holder.MD):
                self._note(device, "is not there any more" if gone else "is new")
            return
        if not self._is_written(old, before) and not self._is_written(new, after):
            return
        if (old.content, old.uuid, old.size) != (new.content, new.uuid, new.size):
            self._note(device, _identity_changed(old, new))
        elif old.label != new.label:
            self._note(device, "has another label")
        if old.content != new.content and not (old.mountable and new.mountable):
            return  # all its files came or went: that is said already
        if old.mountable or new.mountable:
            self._compare_files(old, new)
        elif self._is_content(old):
            self._note(device, f"its bytes changed ({old.content or 'no filesystem'})")

    def _is_written(self, volume: Volume, layout: Layout) -> bool:
        """Whether an overlay holds something of a volume."""
        file = self._before.session.volume_file(volume.device)
        if file is not None and all(one.server in self._before.servers for one in file.extents):
            return any(self._overlaps(file))
        known = {one.device: one for one in layout.volumes}
        parents = [known[name] for name in volume.parents if name in known]
        return not parents or any(
            self._is_written(one, layout) for one in parents if one.device != volume.device
        )

    def _overlaps(self, file: DiskFile) -> Iterator[bool]:
        for extent in file.extents:
            number = list(self._before.servers).index(extent.server)
            start, end = extent.offset, extent.offset + extent.length
            yield any(first < end and last > start for first, last in self._ranges[number])

    def _is_content(self, volume: Volume) -> bool:
        """Whether the bytes of what is no filesystem changed, as far as they say what it is."""
        place = self._before.session.place_of(volume.device)
        if not isinstance(place, tuple):
            return False
        number, offset, length = place
        if volume.content in HEADERS:
            length = min(length, HEADERS[volume.content])
        elif volume.content in ENCRYPTED or (not volume.content and volume.holder is Holder.DISK):
            return False
        return self._differs(number, offset, offset + length)

    def _compare_files(self, old: Volume, new: Volume) -> None:
        device = new.device
        count = sum(self._compare_part(old, new, inside, *pair) for inside, *pair in self._parts(old, new))
        if any(one.path == device for one in self.disks) or count:
            return
        is_same = lasting_part(self._file(self._before, old), old.content) == lasting_part(
            self._file(self._after, new), new.content
        )
        place = self._before.session.place_of(device)
        is_written = not isinstance(place, tuple) or self._differs(place[0], place[1], place[1] + place[2])
        if not is_same or (not self._alone and is_written):
            self._note(device, f"the {new.content} filesystem changed, and none of its files")

    def _parts(self, old: Volume, new: Volume) -> Iterator[tuple[str, Volume, Volume]]:
        """Yield the trees of a filesystem: of btrfs each subvolume, which a walk from above does not enter."""
        yield "", old, new
        if new.content != "btrfs":
            return
        before, after = (_subvolumes(side.image, new.device) for side in (self._before, self._after))
        for path in sorted(before.keys() | after.keys()):
            if path in before and path in after:
                yield f"/{path}", before[path], after[path]
            else:
                self._note(new.device, f"subvolume {path} {'is new' if path in after else 'was removed'}")

    def _compare_part(self, old: Volume, new: Volume, inside: str, first: Volume, second: Volume) -> int:
        trees = [self._tree(self._before, first), self._tree(self._after, second)]
        if None in trees:
            self._note(new.device, "was written to, and its files cannot be compared")
            return 0
        return compare_trees(Pair(trees[0], trees[1], new.content, self._prefixes(new), inside), self.found)

    @staticmethod
    def _file(side: Side, volume: Volume) -> DiskFile | None:
        return side.session.volume_file(volume.device)

    def _tree(self, side: Side, volume: Volume) -> GuestTree | None:
        if not volume.mountable:
            return None
        options = TOP_LEVEL if volume.content == "btrfs" and volume.holder is not Holder.SUBVOLUME else ""
        try:
            return side.image.files([Mount("/", volume, options)])
        except ImgtoolsError as error:
            self.found.warnings.append(Warned(f"its files were not compared: {error.message}", volume.device))
            return None

    def _prefixes(self, volume: Volume) -> tuple[tuple[str, str], ...]:
        """Which part of a volume's files the guest has where; the longest first."""
        found = []
        for mount in self._mounts:
            parents = mount.volume.parents if mount.volume.holder is Holder.SUBVOLUME else ()
            if volume.device in (mount.volume.device, *parents):
                found.append((_inside(mount, volume.device), mount.path))
        found.sort(key=lambda pair: len(pair[0]), reverse=True)
        return (*found, ("/", f"{volume.device}:"))


def _subvolumes(image: Image, device: str) -> dict[str, Volume]:
    """Return the subvolumes of a btrfs by their paths in it."""
    prefix = f"btrfsvol:{device}/"
    return {
        one.device.removeprefix(prefix): one
        for one in image.layout(complete=True).volumes
        if one.device.startswith(prefix)
    }


def _identity_changed(old: Volume, new: Volume) -> str:
    if old.content != new.content:
        return f"holds {new.content or 'nothing known'} (it held {old.content or 'nothing known'})"
    if old.uuid != new.uuid:
        return f"the {new.content or 'content'} on it has another UUID"
    return f"has {new.size} bytes (it had {old.size})"


def _inside(mount: Mount, device: str) -> str:
    """The path in a volume's own tree that a mount shows."""
    path = ""
    if mount.volume.content == "btrfs":
        named = [word[7:] for word in mount.options.split(",") if word.startswith("subvol=")]
        prefix = f"btrfsvol:{device}/"
        is_named = mount.volume.device.startswith(prefix)
        path = mount.volume.device.removeprefix(prefix) if is_named else (named or [""])[0]
    whole = "/".join(part for part in (path.strip("/"), mount.inner.strip("/")) if part)
    return f"/{whole}"


def _gaps(disk: Disk) -> Iterator[tuple[int, int]]:
    """What of a disk is in no partition; an extended partition is no more than the gap around what is in it."""
    parts = sorted((one.start, one.start + one.size) for one in disk.partitions if one.kind != "extended")
    edges = [(0, 0), *parts, (disk.size, disk.size)]
    for (_, end), (start, _) in pairwise(edges):
        if end < start:
            yield end, start
