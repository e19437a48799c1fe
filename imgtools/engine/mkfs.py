"""New, empty filesystems and swap areas, made by their own programs in a file on the host: nothing boots.

The file is a partition's room: one that will be put in its place, or one that the storage daemon exports. What it held
is lost. What a program would take from the clock or from chance is given to it where it takes it, so that with a
``moment`` and a UUID two runs make the same bytes; :data:`REPEATABLE` says of which kinds that is true.
"""

from __future__ import annotations

import os
import re
import uuid as uuids
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.engine.process import Fence, Kind, Limits, ToolFailed, run
from imgtools.errors import EditFailed, UsageError
from imgtools.units import format_size

LIMITS = Limits(seconds=6 * 3600)
MIB = 1 << 20
SECTOR = 512


@dataclass(frozen=True, slots=True)
class NewFilesystem:
    """What is to be made.

    :param kind: a key of :data:`KINDS`, as blkid calls it, and as ``mkfs.KIND`` does.
    :param uuid: as blkid writes it; empty: by chance.
    :param block_size: bytes of a block or cluster; 0: as the program thinks best.
    :param inodes: how many an ext filesystem gets; 0: as mke2fs thinks best.
    :param root_names: entries of a FAT's root directory, which does not grow; 0: 512, or no limit in FAT32.
    :param moment: seconds since 1970 that stand for now in all that is made; None: now.
    :param is_fresh: the file reads as zeros, so that zeros need not be written again.
    """

    kind: str
    label: str = ""
    uuid: str = ""
    block_size: int = 0
    inodes: int = 0
    root_names: int = 0
    moment: int | None = None
    is_fresh: bool = False


@dataclass(frozen=True, slots=True)
class _Program:
    """How a kind is made: its command without the file, and what it cannot have.

    :param least: bytes below which the program, or the kernel, takes none.
    :param label_bytes: of the longest label; 0: it has none.
    :param uuid: what its UUID looks like; empty: it has none that can be chosen.
    """

    words: Callable[[NewFilesystem], Sequence[str]]
    least: int
    label_bytes: int
    uuid: str = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    example: str = "8f0c4a3e-1a52-4b0e-9a3d-6c1f2e7b5d90"
    least_block: int = 512
    most_block: int = 65536


def _pairs(*pairs: tuple[str, object]) -> list[str]:
    """Options whose value is there."""
    return [word for name, value in pairs if value for word in (name, str(value))]


def _ext(new: NewFilesystem) -> list[str]:
    extended = ["lazy_itable_init=0", "lazy_journal_init=0", "nodiscard"]
    if new.is_fresh:  # the tables of inodes are as if they had been written
        extended = ["assume_storage_prezeroed=1"]
    if new.moment is not None or new.uuid:
        extended.append(f"hash_seed={uuids.uuid5(uuids.NAMESPACE_OID, f'hash seed of {new.uuid}')}")
    options = _pairs(("-L", new.label), ("-U", new.uuid), ("-b", new.block_size), ("-N", new.inodes))
    options += ["-I", "256"]  # room for times after 2038 and for labels, in ext2 too
    return ["mke2fs", "-q", "-F", "-t", new.kind, "-E", ",".join(extended), *options]


def _xfs(new: NewFilesystem) -> list[str]:
    metadata = ["-m", f"uuid={new.uuid}"] if new.uuid else []
    blocks = ["-b", f"size={new.block_size}"] if new.block_size else []
    return ["mkfs.xfs", "-q", "-f", "-K", *_pairs(("-L", new.label)), *metadata, *blocks]


def _btrfs(new: NewFilesystem) -> list[str]:
    options = _pairs(("-L", new.label), ("-U", new.uuid), ("-s", new.block_size))
    return ["mkfs.btrfs", "-q", "-f", "-K", *options]


def _fat(new: NewFilesystem) -> list[str]:
    sectors = new.block_size // SECTOR  # of a cluster
    number = new.uuid.replace("-", "").upper()
    options = _pairs(("-n", new.label.upper()), ("-i", number), ("-s", sectors), ("-r", new.root_names))
    # -I: a disk without partitions is meant as it is said.
    return ["mkfs.fat", "-I", *(["--invariant"] if new.moment is not None else []), *options]


def _exfat(new: NewFilesystem) -> list[str]:
    return ["mkfs.exfat", "-L", new.label, *_pairs(("-c", new.block_size))]


def _ntfs(new: NewFilesystem) -> list[str]:
    epoch = ["-T"] if new.moment is not None else []
    return ["mkntfs", "-F", "-Q", "-q", *epoch, *_pairs(("-L", new.label), ("-c", new.block_size))]


def _udf(new: NewFilesystem) -> list[str]:
    options = [f"--label={new.label}"] if new.label else []
    options += [f"--uuid={new.uuid}"] if new.uuid else []
    options += [f"--blocksize={new.block_size or SECTOR}"]
    return ["mkudffs", "--utf8", "--media-type=hd", *options]


def _swap(new: NewFilesystem) -> list[str]:
    return ["mkswap", "-f", "-q", *_pairs(("-L", new.label), ("-U", new.uuid), ("-p", new.block_size))]


_FAT_ID, _FAT_EXAMPLE = "[0-9a-f]{4}-[0-9a-f]{4}", "1a2b-3c4d"
_NTFS_ID, _NTFS_EXAMPLE = "[0-9a-f]{16}", "3d9e0a4c7b1f2856"
# The least sizes: mke2fs wants inodes for lost+found, and a journal wants 1024 blocks; mkfs.xfs has said 300 MB
# since 5.19 (--unsupported apart); mkfs.btrfs says 109 MiB with two copies of metadata; mkfs.fat wants a FAT12;
# mkfs.exfat aligns to a megabyte, and wants some; mkntfs a megabyte; mkudffs some 300 blocks; mkswap ten pages.
KINDS: Mapping[str, _Program] = {
    "ext2": _Program(_ext, 256 << 10, 16, least_block=1024),
    "ext3": _Program(_ext, 2 * MIB, 16, least_block=1024),
    "ext4": _Program(_ext, 2 * MIB, 16, least_block=1024),
    "xfs": _Program(_xfs, 300 * MIB, 12),
    "btrfs": _Program(_btrfs, 109 * MIB, 255, least_block=4096),
    "vfat": _Program(_fat, 64 << 10, 11, _FAT_ID, _FAT_EXAMPLE, most_block=128 * SECTOR),
    "exfat": _Program(_exfat, 4 * MIB, 11, _FAT_ID, _FAT_EXAMPLE, most_block=32 * MIB),
    "ntfs": _Program(_ntfs, 2 * MIB, 128, _NTFS_ID, _NTFS_EXAMPLE, most_block=2 * MIB),
    "udf": _Program(_udf, MIB, 126, _NTFS_ID, _NTFS_EXAMPLE, most_block=4096),
    "swap": _Program(_swap, 40 << 10, 16, least_block=4096),
}
REPEATABLE = frozenset({"ext2", "ext3", "ext4", "vfat", "exfat", "ntfs", "swap"})
# What the programs call the clock, each in its own way.
_CLOCKS = ("SOURCE_DATE_EPOCH", "E2FSPROGS_FAKE_TIME")
_NTFS_SERIAL = 0x48  # offset of the volume's serial number in the boot sector


def require_makeable(new: NewFilesystem, size: int | None = None) -> None:
    """Make sure that a filesystem can be made as it is asked for.

    :param size: bytes of its room, where they are known.
    :raises UsageError: there is no such kind, or it cannot have this label, UUID, block size or so little room; the
        minimum is named.
    """
    if new.kind not in KINDS:
        raise UsageError(f"no such type of filesystem: {new.kind}", hint=f"there are {', '.join(KINDS)}")
    program = KINDS[new.kind]
    raw = new.label.encode("utf-8", "surrogateescape")
    if len(raw) > program.label_bytes:
        raise UsageError(f"a label of {new.kind} has at most {program.label_bytes} bytes, not {len(raw)}")
    if any(one < " " or one == "\x7f" for one in new.label):
        raise UsageError("a label has no control characters")
    if new.uuid and not re.fullmatch(program.uuid, new.uuid, re.IGNORECASE):
        raise UsageError(f"no UUID of {new.kind}: {new.uuid}", hint=f"one looks like {program.example}")
    size_of_block = new.block_size
    is_power = size_of_block & (size_of_block - 1) == 0
    if size_of_block and not (is_power and program.least_block <= size_of_block <= program.most_block):
        raise UsageError(
            f"no size of a block of {new.kind}: {size_of_block}",
            hint=f"a power of two from {program.least_block} to {program.most_block}",
        )
    if size is not None and size < program.least:
        raise UsageError(
            f"{format_size(size)} are too little for {new.kind}: it needs {format_size(program.least)} at least"
        )


def command_of(new: NewFilesystem, device: str) -> list[str]:
    """Return the command that makes a filesystem on a device, on the host or in the appliance."""
    return [*KINDS[new.kind].words(new), device]


def clock_of(moment: int | None) -> dict[str, str]:
    """Return the environment of a program for which it is ``moment`` now."""
    return {} if moment is None else dict.fromkeys(_CLOCKS, str(moment))


def make_filesystem(host_path: Path, new: NewFilesystem) -> None:
    """Make a filesystem that fills a file.

    :raises UsageError: it cannot be as it is asked for, or the file is too small.
    :raises ToolMissing: its program is not installed.
    :raises EditFailed: its program refuses.
    """
    require_makeable(new, host_path.stat().st_size)
    try:
        _run(KINDS[new.kind].words(new), host_path, new)
        _set_serial(host_path, new)
    except ToolFailed as error:
        raise EditFailed(f"no {new.kind} can be made: {error.done.complaint}") from None


def _run(argv: Sequence[str], host_path: Path, new: NewFilesystem) -> None:
    fence = Fence(Kind.RESIZER, writes=(host_path,))
    run([*argv, os.fspath(host_path)], fence, limits=LIMITS, env=clock_of(new.moment))


def _set_serial(host_path: Path, new: NewFilesystem) -> None:
    """Give a volume the number that its program takes from chance."""
    if new.kind == "exfat" and new.uuid:
        _run(["tune.exfat", "-I", f"0x{new.uuid.replace('-', '')}"], host_path, new)
    if new.kind == "ntfs" and new.uuid:
        number = int(new.uuid, 16).to_bytes(8, "little")
        with host_path.open("r+b") as stream:
            for place in (0, -SECTOR):  # the boot sector, and its copy in the last sector
                stream.seek(place, os.SEEK_SET if place == 0 else os.SEEK_END)
                stream.seek(_NTFS_SERIAL, os.SEEK_CUR)
                stream.write(number)
