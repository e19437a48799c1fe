"""Disks whose free room is full of what was deleted: one for each filesystem, all with the same files."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgtools.filesystems.free_room import free_room
from imgtools.image.handle import Image, open_image
from imgtools.records.disks import Holder, Mount
from imgtools.records.files import FileKind
from imgtools.records.image import DiskSource
from imgtools.records.request import Key, Secret
from tests.support.disks import MIB, random_bytes
from tests.support.resizable import disk_of
from tests.support.volumes import blank, make_ext, tool

START = MIB  # of the partition
JUNK = 6 * MIB  # of what was deleted, in each filesystem
FILES = {"small": b"a few bytes", "page": random_bytes(4096, 3), "large": random_bytes(3 * MIB + 77, 4)}


def tree_of(folder: Path) -> Path:
    """A folder of the host with the files."""
    tree = folder / "tree"
    (tree / "deep" / "er").mkdir(parents=True)
    for name, content in FILES.items():
        (tree / name).write_bytes(content)
        (tree / "deep" / "er" / f"{name}.2").write_bytes(content[::-1])
    return tree


def _ext(*options: str) -> Callable[[Path, Path], None]:
    return lambda path, tree: (make_ext(path, tree, *options, size=48 * MIB), None)[1]


def _xfs(path: Path, tree: Path) -> None:
    lines = ["/", "0 0", "d--755 0 0", *_proto(tree), "$", "$"]
    proto = path.with_name("proto")
    proto.write_text("\n".join(lines) + "\n")
    tool("mkfs.xfs", "-q", "-f", "-p", proto, blank(path, 320 * MIB))


def _proto(folder: Path) -> Iterator[str]:
    for one in sorted(folder.iterdir()):
        if one.is_dir():
            yield f"{one.name} d--755 0 0"
            yield from _proto(one)
            yield "$"
        else:
            yield f"{one.name} ---644 0 0 {one}"


def _btrfs(*options: str) -> Callable[[Path, Path], None]:
    def make(path: Path, tree: Path) -> None:
        tool("mkfs.btrfs", "-q", *options, "-r", tree, blank(path, 256 * MIB))

    return make


def _ntfs(path: Path, tree: Path) -> None:
    tool(
        "mkntfs",
        "-q",
        "-F",
        "-s",
        "512",
        "-p",
        str(START // 512),
        "-H",
        "1",
        "-S",
        "1",
        blank(path, 48 * MIB),
    )
    for name in FILES:
        tool("ntfscp", "-f", path, tree / name, name)


def _fat(*options: str) -> Callable[[Path, Path], None]:
    def make(path: Path, tree: Path) -> None:
        tool("mkfs.vfat", *options, blank(path, 48 * MIB))
        tool("mcopy", "-s", "-i", path, *sorted(tree.iterdir()), "::/")

    return make


# What blkid calls it, and how it is made.
KINDS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "ext4": ("ext4", _ext("-t", "ext4")),
    "ext4, bigalloc": ("ext4", _ext("-t", "ext4", "-O", "bigalloc", "-C", "16384")),
    "ext4, meta_bg": ("ext4", _ext("-t", "ext4", "-O", "meta_bg,^resize_inode", "-b", "1024", "-g", "1024")),
    "ext3": ("ext3", _ext("-t", "ext3")),
    "ext2, blocks of 1 KiB": ("ext2", _ext("-t", "ext2", "-b", "1024")),
    "xfs": ("xfs", _xfs),
    "btrfs": ("btrfs", _btrfs()),
    "btrfs, single": ("btrfs", _btrfs("-m", "single", "-d", "single")),
    "ntfs": ("ntfs", _ntfs),
    "vfat": ("vfat", _fat("-F", "32")),
    "vfat, 16 bits": ("vfat", _fat("-F", "16")),
    "vfat, 12 bits": ("vfat", _fat("-F", "12", "-s", "64")),
}
ONE_OF_EACH = ("ext4", "xfs", "btrfs", "ntfs", "vfat")
CHECKERS: dict[str, Sequence[str]] = {
    "ext2": ("e2fsck", "-f", "-n"),
    "ext3": ("e2fsck", "-f", "-n"),
    "ext4": ("e2fsck", "-f", "-n"),
    "xfs": ("xfs_repair", "-n", "-f"),
    "btrfs": ("btrfs", "check", "--readonly"),
    "ntfs": ("ntfsresize", "--info", "--no-progress-bar"),
    "vfat": ("fsck.fat", "-n"),
}


def filesystem_of(folder: Path, kind: str) -> Path:
    """A filesystem in a file, with the files in it."""
    path = folder / "filesystem"
    KINDS[kind][1](path, tree_of(folder))
    return path


def disk_with(folder: Path, kind: str, *, junk: int = JUNK) -> Path:
    """A raw disk with one partition, whose free room is full of what was deleted, and a gap behind it."""
    return divided_disk(folder, filesystem_of(folder, kind), junk=junk)


def divided_disk(folder: Path, part: Path, *, junk: int = JUNK, behind: int = 4 * MIB) -> Path:
    """A raw disk with a filesystem in its only partition."""
    size = part.stat().st_size
    script = f"label: gpt\nstart={START // 512}, size={size // 512}, type=L\n"
    disk = disk_of(folder / "disk.raw", START + size + behind, script, {START: part})
    fill(disk, junk)
    return disk


def fill(disk: Path, junk: int = JUNK, keys: Sequence[Key] = ()) -> None:
    """Write what no image compresses into the free room of every volume of a raw disk."""
    content, places = random_bytes(MIB, 9), list[tuple[int, int]]()
    with open_image([DiskSource(disk, "raw")], keys=keys) as image:
        for volume in image.layout().volumes:
            file = image.try_bytes(volume.device)
            free = free_room(file, volume.content) if file is not None else ()
            left = junk
            for start, end in free if isinstance(free, list) else ():
                length = min(end - start, left)
                left -= length
                places += [(one.offset, one.length) for one in file.stretches(start, length)] if file else []
    with disk.open("r+b") as stream:
        for offset, length in places:
            for at in range(0, length, MIB):
                stream.seek(offset + at)
                stream.write(content[: min(MIB, length - at)])


def digests(image: Path, format: str | None = None, keys: Sequence[Key] = ()) -> dict[str, str]:
    """The hash of every file on every volume of an image."""
    with open_image([DiskSource(image, format)], keys=keys) as opened:
        return dict(_digests(opened))


def _digests(image: Image) -> Iterator[tuple[str, str]]:
    for volume in image.layout().volumes:
        if not volume.mountable or volume.holder is Holder.SUBVOLUME:
            continue
        files = image.files([Mount("/", volume)])
        for one in files.walk("/"):
            if one.stat.kind is FileKind.FILE:
                with files.open(one.path) as stream:
                    yield f"{volume.device}{one.path}", hashlib.sha256(stream.read()).hexdigest()


@contextmanager
def part(image: Path, folder: Path, start: int = START, size: int | None = None) -> Iterator[Path]:
    """The partition of an image as a file of its own."""
    flat = folder / "flat.raw"
    tool("qemu-img", "convert", "-O", "raw", image, flat)
    found = folder / "part.raw"
    length = size if size is not None else _partition_size(flat)
    tool(
        "qemu-img",
        "convert",
        "-O",
        "raw",
        "--image-opts",
        f"driver=raw,offset={start},size={length},file.filename={flat}",
        found,
    )
    yield found
    flat.unlink()
    found.unlink()


def _partition_size(disk: Path) -> int:
    with disk.open("rb") as stream:
        entry = os.pread(stream.fileno(), 128, 1024)
    first, last = struct.unpack_from("<QQ", entry, 32)
    return (int(last) - int(first) + 1) * 512


def require_clean(image: Path, content: str, folder: Path) -> None:
    """The filesystem's own checker finds nothing."""
    with part(image, folder) as file:
        tool(*CHECKERS[content], file)


def passphrase(text: bytes, device: str = "all") -> Key:
    """A key for an encrypted volume."""
    return Key(device, Secret(text))
