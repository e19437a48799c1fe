"""Options of mounts that only some filesystems know, and filesystems that are on the network without saying so.

Source: the option tables of the kernel's filesystems (fs/ext4/super.c, fs/xfs/xfs_super.c, fs/btrfs/super.c,
fs/fat/inode.c); systemd's fstype_is_network().
"""

from __future__ import annotations

from imgtools.guest.find.fstab import FstabEntry
from imgtools.records.disks import Volume

_EXT, _BTRFS, _XFS = frozenset({"ext2", "ext3", "ext4"}), frozenset({"btrfs"}), frozenset({"xfs"})
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
# Mounted over the network by helpers whose type does not say so.
_BY_HELPER = frozenset(
    {"s3fs", "fuse.s3fs", "fuse.rclone", "rclone", "curlftpfs", "fuse.curlftpfs", "fuse.gcsfuse"}
)


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
