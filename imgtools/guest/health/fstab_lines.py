"""/etc/fstab line by line, against the volumes that are there: what stops the boot, what only fails.

Sources: systemd-fstab-generator(8), systemd.mount(5), mount(8), and the option tables of the kernel's filesystems
(fs/ext4/super.c, fs/xfs/xfs_super.c, fs/btrfs/super.c, fs/fat/inode.c).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imgtools.files.tree import GuestReader
from imgtools.guest.checks import MOUNTED_AS, fields_of_fstab
from imgtools.guest.find.devices import Devices, GuestNames, is_passing, read_names
from imgtools.guest.find.fstab import FSTAB, FSTAB_LIMIT, FstabEntry, parse_fstab
from imgtools.records.disks import Holder, Layout, Volume

# The directories of a system; without their volumes it is not itself, and no other disk of the guest has them.
SYSTEM = (
    "/",
    "/boot",
    "/boot/efi",
    "/efi",
    "/usr",
    "/var",
    "/home",
    "/opt",
    "/tmp",
    "/var/log",
    "/var/tmp",
    "/root",
)
# Mounted over the network by helpers whose type does not say so (systemd's fstype_is_network knows the others).
NETWORK_BY_HELPER = frozenset(
    {"s3fs", "fuse.s3fs", "fuse.rclone", "rclone", "curlftpfs", "fuse.curlftpfs", "fuse.gcsfuse"}
)
# Options that only these filesystems know; one of another kind refuses to be mounted with them.
EXT, BTRFS, XFS = frozenset({"ext2", "ext3", "ext4"}), frozenset({"btrfs"}), frozenset({"xfs"})
FAT = frozenset(
    {"vfat", "msdos", "exfat", "ntfs", "ntfs3", "ntfs-3g", "hfsplus", "iso9660", "udf", "cifs", "fuseblk"}
)
ONLY_OF = {
    **dict.fromkeys(("umask", "fmask", "dmask", "shortname", "codepage", "iocharset"), FAT),
    **dict.fromkeys(("subvol", "subvolid", "compress-force", "autodefrag", "space_cache"), BTRFS),
    **dict.fromkeys(
        ("journal_checksum", "data", "stripe", "noload", "journal_async_commit"), EXT | {"reiserfs"}
    ),
    **dict.fromkeys(("inode64", "logbufs", "logbsize", "largeio", "allocsize", "swalloc"), XFS),
    "errors": EXT | FAT | {"f2fs", "jfs", "ocfs2", "nilfs2", "gfs2"},
}
JUDGED = EXT | BTRFS | XFS | {"vfat"}  # kinds of which the table above is known to hold
NO_PLACE = ("none", "swap")


class Wrong(StrEnum):
    """What is wrong with a line."""

    SYNTAX = "syntax"
    SOURCE = "source"
    SWAP = "swap"
    LOCKED = "locked"
    TYPE = "type"
    OPTION = "option"
    PLACE = "place"
    NETWORK = "network"
    TWICE = "twice"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class FstabProblem:
    """What is wrong with a line. ``stops``: the boot ends in emergency mode for it."""

    wrong: Wrong
    line: int
    text: str
    raw: str
    stops: bool = False
    path: str = ""

    @property
    def is_system(self) -> bool:
        """Whether it is about a directory of the system itself."""
        return self.path in SYSTEM


def fstab_problems(
    files: GuestReader, root: Volume, layout: Layout, *, systemd: bool, bare: GuestReader | None = None
) -> tuple[FstabProblem, ...]:
    """Return what is wrong with the lines of the guest's fstab, in their order.

    :param systemd: whether systemd mounts what it says; it makes mount points itself, and waits for what is missing.
    :param bare: the files of the root alone, where what is mounted on does not hide what it is mounted on.
    """
    if not files.is_file(FSTAB) or files.stat(FSTAB).size > FSTAB_LIMIT:
        return ()
    text = files.read_text(FSTAB, limit=FSTAB_LIMIT)
    lines = text.split("\n")
    names = read_names(files)
    judge = _Judge(files, bare or files, layout, Devices(layout, root, names), names, systemd)
    found = list(_syntax(lines))
    seen: dict[str, int] = {}
    bad = {one.line for one in found}
    for entry in parse_fstab(text).entries:
        if entry.path == "/":
            judge.devices.learn(entry.spec)
    for entry in parse_fstab(text).entries:
        raw = lines[entry.line - 1].strip()
        if entry.line in bad:
            continue
        found += (
            FstabProblem(wrong, entry.line, said, raw, stops, entry.path)
            for wrong, said, stops in judge.look(entry)
        )
        if entry.path.startswith("/") and entry.path in seen:
            said = f"{entry.path} is mounted by line {seen[entry.path]} already"
            found.append(FstabProblem(Wrong.TWICE, entry.line, said, raw, False, entry.path))
        seen.setdefault(entry.path, entry.line)
    return tuple(sorted(found, key=lambda one: one.line))


def _syntax(lines: list[str]) -> Iterator[FstabProblem]:
    for number, line in enumerate(lines, 1):
        if said := fields_of_fstab(line.replace("\0", "")):
            if said.endswith("at least 3") and said.startswith("2 "):
                continue  # libmount takes a line of two fields, with the type auto
            yield FstabProblem(Wrong.SYNTAX, number, said, line.strip()[:200])


@dataclass(slots=True)
class _Judge:
    files: GuestReader
    bare: GuestReader
    layout: Layout
    devices: Devices
    names: GuestNames
    systemd: bool

    def look(self, entry: FstabEntry) -> Iterator[tuple[Wrong, str, bool]]:
        """Yield what is wrong with a line, in words, and whether the boot stops there."""
        if (
            entry.type in NETWORK_BY_HELPER
            and entry.option("_netdev") is None
            and entry.option("noauto") is None
        ):
            yield (
                Wrong.NETWORK,
                f"{entry.path} is on the network, and nothing says so: _netdev is missing",
                False,
            )
        is_swap = entry.type == "swap"
        if is_passing(entry.spec) or not (entry.on_a_device or (is_swap and _names_device(entry.spec))):
            return
        volume = self.devices.find(entry.spec)
        if volume is None:
            if not entry.may_be_missing:
                yield self._lost(entry, is_swap=is_swap)
            return
        stops = not is_swap and self._stops(entry)
        if said := self._wrong_type(entry, volume):
            yield Wrong.TYPE, said, stops
        elif (said := _wrong_option(entry, volume)) and not is_swap:
            yield Wrong.OPTION, said, stops
        if said := self._wrong_place(entry):
            yield Wrong.PLACE, said, stops and self.bare.exists(entry.path)
        if others := self._others(entry, volume):
            yield Wrong.AMBIGUOUS, f"{entry.spec} is on {volume.device} and on {', '.join(others)}", False

    def _lost(self, entry: FstabEntry, *, is_swap: bool) -> tuple[Wrong, str, bool]:
        if self._is_locked(entry.spec):
            return Wrong.LOCKED, f"whether {entry.spec} is in a volume that could not be opened", False
        where = "swap" if is_swap else entry.path
        said = f"{entry.spec} for {where} is not in this image"
        return (Wrong.SWAP, said, False) if is_swap else (Wrong.SOURCE, said, self._stops(entry))

    def _stops(self, entry: FstabEntry) -> bool:
        """Whether the boot ends if this mount fails: systemd's local-fs.target, fsck of the older inits."""
        if entry.may_be_missing or entry.option("_netdev") is not None:
            return False
        if entry.option("x-systemd.automount") is not None and self.systemd:
            return False
        return self.systemd or entry.path in ("/", "/usr") or self._is_checked(entry)

    def _is_checked(self, entry: FstabEntry) -> bool:
        line = self.files.read_text(FSTAB, limit=FSTAB_LIMIT).split("\n")[entry.line - 1].split()
        return len(line) > 5 and line[5].strip("0") not in ("", "#")

    def _is_locked(self, spec: str) -> bool:
        """Whether a device may be in what could not be opened: then nobody can tell whether it is there."""
        if any(not one.damaged for one in self.layout.unread):
            return True
        if not self.layout.locked:
            return False
        name = spec.removeprefix("/dev/mapper/")
        if name in self.names.crypt or spec.startswith(
            ("UUID=", "LABEL=", "/dev/disk/by-uuid/", "/dev/disk/by-label/")
        ):
            return True
        return spec.startswith("/dev/") and not spec.startswith(
            ("/dev/sd", "/dev/vd", "/dev/nvme", "/dev/xvd")
        )

    def _wrong_type(self, entry: FstabEntry, volume: Volume) -> str:
        if volume.content not in MOUNTED_AS:
            return ""
        types = set(entry.type.split(","))
        fits = types & (MOUNTED_AS[volume.content] | {"auto"}) or not all(types)
        return "" if fits else f"{entry.spec} is {volume.content}, not {entry.type}"

    def _wrong_place(self, entry: FstabEntry) -> str:
        if entry.path in NO_PLACE or not entry.path.startswith("/") or entry.option("noauto") is not None:
            return ""
        if self.bare.exists(entry.path):
            return "" if self.bare.is_dir(entry.path) else f"{entry.path} is no directory"
        if self.files.exists(entry.path):
            return ""  # below another mount
        made = (
            self.systemd
            or entry.option("X-mount.mkdir") is not None
            or entry.option("x-mount.mkdir") is not None
        )
        return "" if made else f"the directory {entry.path} is not there"

    def _others(self, entry: FstabEntry, volume: Volume) -> list[str]:
        """Further volumes of the same UUID or label: which one is mounted, is chance."""
        tag, _, value = entry.spec.partition("=")
        if tag not in ("UUID", "LABEL") or volume.content == "btrfs":
            return []
        snapshots = {one.device for one in self.layout.lvs if one.kind == "snapshot"}
        return [
            one.device
            for one in self.layout.volumes
            if one.holder in (Holder.PARTITION, Holder.LV, Holder.DISK)
            and one.device not in (volume.device, *volume.parents, *snapshots)
            and one.mountable
            and volume.device not in one.parents
            and volume.device not in snapshots
            and (one.uuid if tag == "UUID" else one.label) == value
        ]


def _names_device(spec: str) -> bool:
    return spec.startswith("/dev/") or "=" in spec


def _wrong_option(entry: FstabEntry, volume: Volume) -> str:
    if volume.content not in JUDGED:
        return ""
    for option in entry.options.split(","):
        known = ONLY_OF.get(option.partition("=")[0])
        if known is not None and volume.content not in known:
            return f"{volume.content} does not know the option {option}"
    return ""
