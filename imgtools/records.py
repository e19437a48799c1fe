"""The frozen records that cross a floor. Read this file first.

Units: sizes and offsets are bytes, times are nanoseconds since 1970 (UTC), unless a name says otherwise.
Guest paths are ``str``, absolute, with ``/``; bytes that are not UTF-8 are kept as surrogate escapes.
Host paths are :class:`pathlib.Path`. The two never mix.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Engine(StrEnum):
    """Who answers: ``direct`` boots nothing, ``appliance`` is libguestfs."""

    AUTO = "auto"
    DIRECT = "direct"
    APPLIANCE = "appliance"
    MEMORY = "memory"  # a guest made of Python objects; tests only


class Backing(StrEnum):
    """Which other host files an image may name (backing files, data files, extents)."""

    SAME_DIR = "same-dir"  # only files in the image's own folder or below it
    NONE = "none"  # no other file at all
    ANY = "any"  # whatever it names; only for images you made yourself


@dataclass(frozen=True, slots=True)
class Declined:
    """Why an engine does not serve something. A value, not an error: another engine may serve it."""

    what: str  # a device, a path or a feature
    reason: str


class Secret:
    """A password or key. It never shows in a repr, a log, JSON or a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the secret's bytes; the only way to get at them."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True)
class Key:
    """A key for encrypted volumes. ``selector`` is a device (``/dev/sda2``), a UUID, or ``all``."""

    selector: str
    secret: Secret


# -- the image on the host --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DiskSource:
    """One disk of the guest, as the user named it. Several make one guest: /dev/sda, /dev/sdb ..."""

    host_path: Path
    format: str | None = None  # None: probe; a raw image is only raw if nothing else is found
    snapshot: str | None = None  # internal snapshot, by id or name


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of a backing chain."""

    host_path: Path
    format: str
    virtual_size: int
    actual_size: int
    extents: tuple[Path, ...] = ()  # further files that this layer names: qcow2 data file, vmdk extents
    encryption: str = ""  # "", "luks", "aes"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An internal snapshot of a disk image."""

    id: str
    name: str
    time: int
    vm_state_size: int
    virtual_size: int | None = None


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the host knows of one disk image without looking at its contents."""

    source: DiskSource
    format: str
    virtual_size: int
    actual_size: int
    chain: tuple[Layer, ...]  # the image itself first, its base last
    snapshots: tuple[Snapshot, ...] = ()
    encryption: str = ""  # "", "luks", "aes"
    dirty: bool = False
    details: tuple[tuple[str, str], ...] = ()  # format-specific facts, in qemu-img's words
    warnings: tuple[Warned, ...] = ()


# -- what the disks hold ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Partition:
    """One entry of a partition table."""

    device: str  # /dev/sda1
    number: int
    start: int
    size: int
    type: str  # GPT: the type's GUID, upper case; MBR: "0x83"
    kind: str = "primary"  # primary, extended, logical
    name: str = ""  # GPT only
    id: str = ""  # GPT: the partition's GUID, upper case; MBR: "<disk id>-<number>" as PARTUUID has it
    flags: tuple[
        str, ...
    ] = ()  # "boot" (MBR active), "required", "no-block-io", "legacy-boot", "guid:48" ...

    @property
    def aligned(self) -> bool:
        """Whether the partition starts on a multiple of 64 KiB, which virt-alignment-scan calls good."""
        return self.start % 65536 == 0


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk as the guest sees it."""

    device: str  # /dev/sda
    size: int
    sector_size: int = 512
    table: str = ""  # "gpt", "dos" or "": none
    table_id: str = ""
    partitions: tuple[Partition, ...] = ()
    problems: tuple[str, ...] = ()  # e.g. "backup GPT is not at the end of the disk"


@dataclass(frozen=True, slots=True)
class PhysicalVolume:
    """An LVM physical volume. UUIDs are in LVM's spelling, with dashes."""

    device: str
    uuid: str
    size: int
    vg: str = ""


@dataclass(frozen=True, slots=True)
class VolumeGroup:
    """An LVM volume group."""

    name: str
    uuid: str
    size: int
    free: int
    extent_size: int


@dataclass(frozen=True, slots=True)
class LogicalVolume:
    """An LVM logical volume."""

    device: str  # /dev/VG/LV
    name: str
    vg: str
    uuid: str
    size: int
    kind: str = "linear"  # linear, striped, raid1, thin-pool, thin, cache, snapshot ...


class Holder(StrEnum):
    """What kind of thing a volume sits on."""

    DISK = "disk"
    PARTITION = "partition"
    LV = "lv"
    MD = "md"
    CRYPT = "crypt"
    SUBVOLUME = "subvolume"


@dataclass(frozen=True, slots=True)
class Volume:
    """Whatever holds a filesystem or could: a disk, partition, LV, md array, opened LUKS, btrfs subvolume.

    ``content`` is what blkid and libguestfs call it: ``ext4``, ``xfs``, ``btrfs``, ``ntfs``, ``vfat``,
    ``iso9660``, ``swap``, ``LVM2_member``, ``crypto_LUKS``, ``BitLocker``, ``linux_raid_member``, or ``""``.
    """

    device: str  # /dev/sda1, /dev/VG/LV, /dev/md127, /dev/mapper/luks-UUID, btrfsvol:/dev/sda2/root
    holder: Holder
    size: int
    content: str = ""
    label: str = ""
    uuid: str = ""
    version: str = ""
    parents: tuple[str, ...] = ()  # devices it is made of: LV -> PVs, crypt -> the LUKS partition
    part_uuid: str = ""
    part_label: str = ""
    sector_size: int = 512

    @property
    def mountable(self) -> bool:
        """Whether the content is a filesystem with files in it."""
        return bool(self.content) and self.content not in NOT_MOUNTABLE


NOT_MOUNTABLE = frozenset(
    {"swap", "swsuspend", "LVM2_member", "LVM1_member", "crypto_LUKS", "BitLocker", "linux_raid_member"}
    | {"zfs_member", "isw_raid_member", "ddf_raid_member", "bcache", "drbd", "VMFS_volume_member"}
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that the disks of one image hold, from partition tables down to filesystems."""

    disks: tuple[Disk, ...]
    pvs: tuple[PhysicalVolume, ...] = ()
    vgs: tuple[VolumeGroup, ...] = ()
    lvs: tuple[LogicalVolume, ...] = ()
    volumes: tuple[Volume, ...] = ()
    # What this engine could not look into. Not empty: a complete answer needs the other engine.
    unread: tuple[Declined, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a filesystem is: the numbers of ``statvfs`` of the mounted filesystem, in bytes and inodes."""

    size: int  # f_blocks * f_frsize
    free: int  # f_bfree * f_frsize: also what is reserved for root
    available: int  # f_bavail * f_frsize
    inodes: int  # f_files
    inodes_free: int  # f_ffree

    @property
    def used(self) -> int:
        """What ``df`` calls used: size less everything free."""
        return self.size - self.free


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume and where the guest mounts it."""

    path: str
    volume: Volume
    options: str = ""  # as in fstab; only "subvol=" and "subvolid=" matter to a reader
    # The directory of the volume that is mounted, where that is not its root: an OSTree deployment.
    inner: str = ""


# -- files in the guest -----------------------------------------------------------------------------------


class FileKind(StrEnum):
    """The kind of a directory entry; ``value`` is the letter that ``ls -l`` shows."""

    FILE = "-"
    DIRECTORY = "d"
    LINK = "l"
    CHARACTER = "c"
    BLOCK = "b"
    FIFO = "p"
    SOCKET = "s"
    UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class FileStat:
    """What ``lstat`` tells. ``mode`` is the permission bits alone (0o7777); the kind is in ``kind``."""

    kind: FileKind
    size: int
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    links: int = 1
    inode: int = 0
    device: tuple[int, int] = (0, 0)  # major, minor of a device node
    atime: int = 0
    mtime: int = 0
    ctime: int = 0


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One name in a directory."""

    name: str
    stat: FileStat


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file that a walk met, with its full guest path."""

    path: str
    stat: FileStat
    target: str = ""  # of a symbolic link, when the walk was asked for it


# -- operating systems ------------------------------------------------------------------------------------


class OsType(StrEnum):
    """libguestfs' words for kinds of operating systems."""

    LINUX = "linux"
    WINDOWS = "windows"
    FREEBSD = "freebsd"
    NETBSD = "netbsd"
    OPENBSD = "openbsd"
    DOS = "dos"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class OsInfo:
    """The facts that say which operating system this is. Names follow libguestfs' inspection API."""

    type: OsType
    distro: str = "unknown"  # libguestfs' spelling: debian, rocky, sles, windows ...
    families: tuple[str, ...] = ()  # ID first, then ID_LIKE: ("rocky", "rhel", "centos", "fedora")
    product_name: str = ""
    product_variant: str = ""
    major: int = 0
    minor: int = 0
    arch: str = "unknown"
    hostname: str = ""
    package_format: str = ""
    package_management: str = ""
    build_id: str = ""
    osinfo: str = ""
    windows_systemroot: str = ""
    windows_current_control_set: str = ""

    def is_family(self, *names: str) -> bool:
        """Whether the guest is one of these distributions or says (ID_LIKE) that it is like one."""
        return any(name in self.families for name in names)


@dataclass(frozen=True, slots=True)
class Application:
    """One installed package or program. Empty strings are facts not known."""

    name: str
    version: str = ""
    release: str = ""
    epoch: int = 0
    arch: str = ""
    display_name: str = ""
    install_path: str = ""
    publisher: str = ""
    url: str = ""
    source_package: str = ""
    summary: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know beside the result; commands print it on stderr and put it in JSON."""

    text: str
    path: str = ""


# -- what a command asks for ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """Which image a command works on, and how it is opened."""

    disks: tuple[DiskSource, ...]
    keys: tuple[Key, ...] = ()
    engine: Engine = Engine.AUTO
    backing: Backing = Backing.SAME_DIR
    root: str | None = None  # which operating system of a multi-boot guest: the device of its root
    mounts: tuple[str, ...] = ()  # DEVICE[:PATH[:OPTIONS]]: these volumes instead of the guest's own mounts

    @property
    def host_path(self) -> Path:
        """The first disk, which names the image in messages and JSON."""
        return self.disks[0].host_path


@dataclass(frozen=True, slots=True)
class OutputTarget:
    """The new image that ``--output`` makes; the original is not written."""

    host_path: Path
    format: str | None = None  # raw, qcow2, vmdk ...; None: as the original
    compress: bool = False  # only qcow2 and vmdk streams can


@dataclass(frozen=True, slots=True)
class Target:
    """What a writing command does with its plan: show it (the default), do it in place, or in a new image."""

    write: bool = False
    output: OutputTarget | None = None

    @property
    def is_dry_run(self) -> bool:
        """Whether the plan is only shown."""
        return not self.write and self.output is None


@dataclass(frozen=True, slots=True)
class Order:
    """What one customization is asked for. ``secret`` is what must not be shown: a password."""

    text: str = ""
    secret: Secret | None = None
    network: bool = False  # whether a program that is run in the guest may reach out


@dataclass(frozen=True, slots=True)
class Named:
    """An order for the customization of this name."""

    name: str
    order: Order
    where: str = ""  # "orders.txt, line 3", for messages


@dataclass(frozen=True, slots=True)
class Customization:
    """Orders in the sequence in which they were given."""

    orders: tuple[Named, ...] = ()
