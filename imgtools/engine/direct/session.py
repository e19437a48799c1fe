"""One image read without booting: from the partition tables down to the filesystems.

The layout is read once; a volume's filesystem is opened when it is mounted, and no other with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from imgtools.engine.direct.assembly import Assembly, Found, partition_volume
from imgtools.engine.direct.probe import Content, probe
from imgtools.engine.subvolumes import subvolume_of, subvolume_option, subvolume_path
from imgtools.errors import BadImage
from imgtools.filesystems.api import Filesystem
from imgtools.records.disks import Declined, Disk, Holder, Layout, Volume
from imgtools.records.request import Engine, Key
from imgtools.volumes.names import disk_device
from imgtools.volumes.partitions import read_disk
from imgtools.volumes.volume_file import DiskFile, DiskServer

if TYPE_CHECKING:
    from imgtools.filesystems.btrfs.reader import Btrfs

__all__ = ["DirectSession", "Found", "disk_device", "mount_file", "partition_volume"]

# What a volume holds that somebody else has to look into, and why.
UNREAD = {
    "zfs_member": "ZFS is not read here",
    "LVM1_member": "LVM1 is not read here",
    "ddf_raid_member": "firmware RAID is assembled by the appliance only",
    "isw_raid_member": "firmware RAID is assembled by the appliance only",
    "bcache": "bcache is not read here",
    "bcachefs": "bcachefs is not read here",
}
# Partitions that are divided or put together further, by their type.
FOREIGN = {
    "0xa5": "a FreeBSD label inside it is read by the appliance only",
    "0xa6": "an OpenBSD label inside it is read by the appliance only",
    "0xa9": "a NetBSD label inside it is read by the appliance only",
    "0x42": "Windows dynamic disks are assembled by the appliance only",
    "5808C8AA-7E8F-42E0-85D2-E1E90434CFB3": "Windows dynamic disks are assembled by the appliance only",
    "AF9B60A0-1431-4F62-BC68-3311714A69AD": "Windows dynamic disks are assembled by the appliance only",
}
ROUNDS = 6  # of LUKS in LVM in LUKS ...


class DirectSession:
    """One image opened by the direct engine; implements :class:`imgtools.engine.api.Session`.

    :param servers: the image's disks in the guest's order; they stay open until the session is closed.
    :param keys: for what is encrypted.
    :param sectors: bytes of a sector of each disk, 0 where nobody has said it.
    """

    engine = Engine.DIRECT

    def __init__(
        self, servers: Sequence[DiskServer], keys: Sequence[Key] = (), sectors: Sequence[int] = ()
    ) -> None:
        self._servers = tuple(servers)
        self._sectors = tuple(sectors) or (0,) * len(self._servers)
        self._keys = tuple(keys)
        self._opened = ExitStack()
        self._layout: Layout | None = None
        self._files: dict[str, DiskFile] = {}
        self._headers: dict[str, DiskFile] = {}
        self._asked: list[Key] = []
        self._mounted: dict[str, Filesystem | Declined] = {}
        self._pools: dict[str, Btrfs | Declined] = {}  # of each UUID the btrfs on its devices

    def layout(self) -> Layout:
        """Return partitions, LVM and volumes.

        :raises KeyNeeded: a key was given for an encrypted volume and does not open it.
        :raises BadImage: a key was given for one whose header is damaged.
        """
        if self._layout is None:
            self._layout = self._read_layout()
        return self._layout

    @property
    def asked_keys(self) -> tuple[Key, ...]:
        """The keys of volumes that servers gave; they are asked when the layout is read."""
        self.layout()
        return tuple(self._asked)

    def volume_file(self, device: str) -> DiskFile | None:
        """Return the bytes of a volume of the layout as a file; None if it is not read here."""
        self.layout()
        return self._files.get(device)

    def disk_file(self, device: str) -> DiskFile | None:
        """Return the bytes of a whole disk, /dev/sda the first; None if there is none of that name."""
        for index, server in enumerate(self._servers):
            if disk_device(index) == device:
                return DiskFile.whole(server, device)
        return None

    def place_of(self, device: str) -> tuple[int, int, int] | Declined:
        """Return where a volume or disk is: number of the disk, offset and size; declined if it is in pieces."""
        file = self.volume_file(device) or self.disk_file(device)
        if file is None:
            return Declined(device, "the direct engine does not see it")
        if len(file.extents) != 1:
            return Declined(device, f"it lies in {len(file.extents)} pieces")
        extent = file.extents[0]
        if extent.server not in self._servers:
            return Declined(device, "it is inside an encrypted volume, or put together by md or LVM")
        return self._servers.index(extent.server), extent.offset, extent.length

    def mount(self, volume: Volume, options: str = "") -> Filesystem | Declined:
        """Mount ``volume`` read-only, or say why not. Mounting the same volume again is cheap."""
        if volume.content == "btrfs":
            return self._mount_btrfs(volume, options)
        if volume.device not in self._mounted:
            self._mounted[volume.device] = self._mount(volume)
        return self._mounted[volume.device]

    def _mount(self, volume: Volume) -> Filesystem | Declined:
        file = self.volume_file(volume.device)
        if file is None:
            reasons = [one.reason for one in self.layout().unread if one.what == volume.device]
            return Declined(volume.device, reasons[0] if reasons else "the direct engine does not see it")
        try:
            return mount_file(file, volume.content)
        except BadImage as error:
            return Declined(volume.device, error.message)

    def _mount_btrfs(self, volume: Volume, options: str) -> Filesystem | Declined:
        self.layout()
        pool = self._pools.get(volume.uuid)
        if pool is None:
            return Declined(volume.device, "the direct engine does not see it")
        if isinstance(pool, Declined):
            # As the layout has it: what is missing may lie in what could not be opened.
            return next((one for one in self.layout().unread if one.what == volume.device), pool)
        option = subvolume_option(options)
        if not option and volume.holder is Holder.SUBVOLUME:
            option = f"subvol={subvolume_path(volume)}"
        return pool.mount(option, volume.device)

    def close(self) -> None:
        """Close what was opened for this session: decrypted volumes."""
        self._opened.close()

    # -- the layout ----------------------------------------------------------------------------------------

    def _read_layout(self) -> Layout:
        wholes = [DiskFile.whole(server, disk_device(index)) for index, server in enumerate(self._servers)]
        disks = [read_disk(one, one.name, size) for one, size in zip(wholes, self._sectors, strict=True)]
        parts = [partition for disk in disks for partition in disk.partitions]
        extended = {part.device for part in parts if part.kind == "extended"}
        unread = [Declined(part.device, FOREIGN[part.type]) for part in parts if part.type in FOREIGN]
        pairs = zip(disks, wholes, strict=True)
        todo = [found for disk, whole in pairs for found in self._candidates(disk, whole)]
        done: list[Found] = []
        assembly = Assembly(unread)
        for _ in range(ROUNDS):
            fresh = self._recognise(todo, extended, unread)
            fresh = [self._with_header(found, [*done, *fresh]) for found in fresh]
            done += fresh
            todo = self._decrypted(fresh, unread) + assembly.add(fresh)
            todo = todo or assembly.add_incomplete()
            if not todo:
                break
        tables = [self._without_empty_table(disk, done) for disk in disks]
        partitioned = {disk.device for disk in tables if disk.table}
        kept = [found for found in done if found.volume.device not in partitioned]
        self._files = {found.volume.device: found.file for found in kept}
        groups = assembly.groups
        layout = Layout(
            disks=tuple(tables),
            pvs=groups.pvs if groups else (),
            vgs=groups.vgs if groups else (),
            lvs=tuple(mapped.volume for mapped in groups.volumes) if groups else (),
            volumes=(*(found.volume for found in kept), *self._subvolumes(kept, unread)),
            arrays=tuple(assembly.arrays),
            unread=(*unread, *(groups.unread if groups else ())),
        )
        return layout if layout.is_complete and not layout.locked else _perhaps_elsewhere(layout)

    def _subvolumes(self, kept: Sequence[Found], unread: list[Declined]) -> Iterator[Volume]:
        """Open each btrfs on all of its devices, and yield its subvolumes, which are listed under the first."""
        pools: dict[str, list[Found]] = {}
        for found in kept:
            if found.volume.content == "btrfs":
                pools.setdefault(found.volume.uuid, []).append(found)
        for uuid, members in pools.items():
            from imgtools.engine.confined.btrfs import open_filesystem  # late: most disks have none

            pool = self._pools[uuid] = open_filesystem([found.file for found in members])
            subvolumes = () if isinstance(pool, Declined) else pool.try_subvolumes()
            if isinstance(pool, Declined):
                unread += [replace(pool, what=found.volume.device) for found in members]
            elif isinstance(subvolumes, Declined):
                unread.append(subvolumes)
            else:
                for one in subvolumes:
                    yield replace(subvolume_of(members[0].volume, one.path), is_default=one.is_default)

    @staticmethod
    def _candidates(disk: Disk, whole: DiskFile) -> list[Found]:
        """The partitions of a disk; the whole disk, if it has none."""
        if not disk.partitions:
            return [Found(Volume(disk.device, Holder.DISK, disk.size, sector_size=disk.sector_size), whole)]
        return [
            Found(
                partition_volume(disk, partition),
                whole.part(partition.start, partition.size, partition.device),
            )
            for partition in disk.partitions
        ]

    @staticmethod
    def _without_empty_table(disk: Disk, found: Sequence[Found]) -> Disk:
        """A boot sector without partitions is no table if the disk holds something itself."""
        if disk.table and not disk.partitions:
            for one in found:
                if one.volume.device == disk.device and one.volume.content:
                    return replace(disk, table="", table_id="")
        return disk

    @staticmethod
    def _recognise(todo: Sequence[Found], extended: set[str], unread: list[Declined]) -> list[Found]:
        """Say what the volumes hold; note those that nobody here can look into."""
        asked = [found for found in todo if found.volume.device not in extended and found.file.size]
        contents = dict(
            zip((found.volume.device for found in asked), probe([f.file for f in asked]), strict=True)
        )
        fresh = []
        for found in todo:
            content = contents.get(found.volume.device, Content())
            reason = content.problem or UNREAD.get(content.type, "")
            if (
                found.volume.holder is Holder.DISK
                and not content.type
                and content.table not in ("", "dos", "gpt")
            ):
                reason = f"its partition table ({content.table}) is read by the appliance only"
            if reason:
                unread.append(Declined(found.volume.device, reason))
            volume = replace(
                found.volume,
                content=content.type,
                label=content.label,
                uuid=content.uuid,
                version=content.version,
            )
            fresh.append(Found(volume, found.file))
        return fresh

    # -- encrypted volumes ---------------------------------------------------------------------------------

    def _with_header(self, found: Found, known: Sequence[Found]) -> Found:
        """A volume as its header says that it is, if that lies elsewhere and was given."""
        if not self._keys:
            return found
        from imgtools.engine.direct.encrypted import header_elsewhere, with_header  # late: most have no keys

        header = header_elsewhere(found.volume, self._keys, known)
        if header is None:
            return found
        self._headers[found.volume.device] = header
        return found._replace(volume=with_header(found.volume, header))

    def _decrypted(self, fresh: Sequence[Found], unread: list[Declined]) -> list[Found]:
        """Open the encrypted volumes that keys were given for; of the others nobody knows more."""
        if not self._keys:
            return []
        from imgtools.engine.direct.encrypted import open_encrypted  # late: most have no keys

        opened = []
        for found in fresh:
            if any(found.file is one for one in self._headers.values()):
                continue  # it is the header of another volume, and nothing else
            header = self._headers.get(found.volume.device)
            answer = open_encrypted(found.volume, found.file, self._keys, self._opened, header, self._asked)
            if isinstance(answer, Declined):
                unread.append(answer)
            elif answer is not None:
                device, server = answer
                inner = Volume(device, Holder.CRYPT, server.size, parents=(found.volume.device,))
                opened.append(Found(inner, DiskFile.whole(server, device)))
        return opened


def _perhaps_elsewhere(layout: Layout) -> Layout:
    """What is missing may lie in what could not be opened here: then the other engine may find it."""
    return replace(layout, unread=tuple(replace(one, damaged=False, hint="") for one in layout.unread))


# -- filesystems ------------------------------------------------------------------------------------------


def mount_file(file: DiskFile, content: str) -> Filesystem | Declined:
    """Mount the filesystem of a volume; its reader is imported now, not before."""
    if content not in MOUNTERS:
        reason = UNREAD.get(content, f"{content} is read by the appliance only")
        return Declined(file.name, reason if content else "no filesystem")
    return MOUNTERS[content](file)


def _mount_ext(file: DiskFile) -> Filesystem | Declined:
    from imgtools.filesystems.ext.reader import mount_ext

    return mount_ext(file)


def _mount_xfs(file: DiskFile) -> Filesystem | Declined:
    from imgtools.filesystems.xfs.reader import mount_xfs

    return mount_xfs(file)


def _mount_ntfs(file: DiskFile) -> Filesystem | Declined:
    from imgtools.engine.confined.ntfs import mount_ntfs

    return mount_ntfs(file)


def _mount_fat(file: DiskFile) -> Filesystem | Declined:
    from imgtools.filesystems.fat.reader import mount_fat

    return mount_fat(file)


def _mount_iso(file: DiskFile) -> Filesystem | Declined:
    from imgtools.filesystems.iso.reader import mount_iso

    return mount_iso(file)


# By the names that blkid gives to contents.
MOUNTERS: dict[str, Callable[[DiskFile], Filesystem | Declined]] = {
    "ext2": _mount_ext,
    "ext3": _mount_ext,
    "ext4": _mount_ext,
    "xfs": _mount_xfs,
    "ntfs": _mount_ntfs,
    "vfat": _mount_fat,
    "iso9660": _mount_iso,
}
