"""What filesystems are mounted as, the options that only some of them know, and which are on the network unsaid.

Source: the option tables of the kernel's filesystems (fs/ext4/super.c, fs/xfs/xfs_super.c, fs/btrfs/super.c,
fs/fat/inode.c); systemd's fstype_is_network().
"""

from __future__ import annotations

from imgtools.guest.find.fstab import FstabEntry
from imgtools.records.disks import Volume

_EXT, _BTRFS, _XFS = frozenset({"ext2", "ext3", "ext4"}), frozenset({"btrfs"}), frozenset({"xfs"})
# By which names the kernel's drivers, and the helpers of mount(8), mount a filesystem.
MOUNTED_AS = {
    **dict.fromkeys(_EXT, _EXT),
    "xfs": frozenset({"xfs"}),
    "btrfs": frozenset({"btrfs"}),
    "vfat": frozenset({"vfat", "msdos", "umsdos"}),
    "ntfs": frozenset({"ntfs", "ntfs3", "ntfs-3g", "fuseblk", "lowntfs-3g"}),
    "swap": frozenset({"swap", "sw"}),
}
_FAT = frozenset(
    {"vfat", "msdos", "exfat", "ntfs", "ntfs3", "ntfs-3g", "hfsplus", "iso9660", "udf", "cifs", "fuseblk"}
)
_ONLY_OF = {
    **dict.fromkeys(("umask", "fmask", "dmask", "shortname", "codepage", "iocharset"), _FAT),
    **dict.fromkeys(("subvol", "subvolid", "compress-force", "autodefrag", "space_cache"), _BTRFS),
    **dict.fromkeys(
        ("journal_checksum", "data", "stripe", "noload", "journal_async_commit"), _EXT | {"reiserfs"}
    ),
    **dict.fromkeys(("inode64", "logbufs", "logbsize", "largeio", "allocsize", "swalloc"), _XFS),
    "errors": _EXT | _FAT | {"f2fs", "jfs", "ocfs2", "nilfs2", "gfs2"},
}
_JUDGED = _EXT | _BTRFS | _XFS | {"vfat"}  # kinds of which the table above is known to hold
# Mounted over the network by helpers whose type does not say so (systemd's fstype_is_network knows the others).
_BY_HELPER = frozenset(
    {"s3fs", "fuse.s3fs", "fuse.rclone", "rclone", "curlftpfs", "fuse.curlftpfs", "fuse.gcsfuse"}
)


def is_swap(entry: FstabEntry) -> bool:
    """Whether a line is one of swap space."""
    return entry.type in MOUNTED_AS["swap"]


def wrong_type(entry: FstabEntry, volume: Volume) -> str:
    """Say that a line's type is not that of its volume; empty if it is, or nobody knows."""
    types = set(entry.type.split(","))
    if volume.content not in MOUNTED_AS or types & (MOUNTED_AS[volume.content] | {"auto"}) or not all(types):
        return ""
    return f"{entry.spec} is {volume.content}, not {entry.type}"


def foreign_options(entry: FstabEntry, volume: Volume) -> tuple[str, ...]:
    """Return the options of a line that the filesystem of its volume does not know: the mount fails with them."""
    if volume.content not in _JUDGED:
        return ()
    known = ((option, _ONLY_OF.get(option.partition("=")[0])) for option in entry.options.split(","))
    return tuple(option for option, kinds in known if kinds is not None and volume.content not in kinds)


def lacks_netdev(entry: FstabEntry) -> bool:
    """Whether a line is about the network and does not say so: it would be mounted before there is one."""
    is_told = entry.option("_netdev") is not None or entry.option("noauto") is not None
    return entry.type in _BY_HELPER and not is_told
