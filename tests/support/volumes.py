"""Small filesystems made on the fly without root, and disks that are plain files."""

from __future__ import annotations

import os
import struct
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

from imgtools.engine.process import require
from imgtools.records.image import DiskSource, ImageInfo, Layer
from imgtools.records.snapshots import Snapshot
from imgtools.volumes.volume_file import DiskFile


class FileDisk:
    """A served disk that is a plain file: implements DiskServer without a server."""

    socket = ""
    warning = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.bytes_read = 0

    def read(self, offset: int, length: int) -> bytes:
        self.bytes_read += length
        with self.path.open("rb") as stream:
            return os.pread(stream.fileno(), length, offset)


class BytesDisk:
    """A served disk that is bytes in memory."""

    socket = ""
    warning = ""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)

    def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]


def gpt_disk(sector: int, count: int = 64) -> bytes:
    """A disk with an empty GPT in sectors of a size (UEFI 2.10, 5.3); its second copy is missing."""
    disk, entries = bytearray(sector * count), bytes(128 * 128)
    fields = struct.pack(
        "<QQQQ16sQIII", 1, count - 1, 34, count - 34, bytes(16), 2, 128, 128, zlib.crc32(entries)
    )
    header = struct.pack("<8sIIII", b"EFI PART", 0x10000, 92, 0, 0) + fields
    checksum = zlib.crc32(header)
    disk[446:462] = bytes((0, 0, 2, 0, 0xEE, 255, 255, 255)) + struct.pack("<II", 1, count - 1)
    disk[510:512] = b"\x55\xaa"
    disk[sector : sector + 92] = header[:16] + struct.pack("<I", checksum) + header[20:]
    return bytes(disk)


def volume(path: Path, name: str = "/dev/sda1") -> DiskFile:
    """A file as a volume."""
    return DiskFile.whole(FileDisk(path), name)


def bytes_volume(content: bytes, name: str = "/dev/sda1") -> DiskFile:
    """Bytes as a volume."""
    return DiskFile.whole(BytesDisk(content), name)


def tool(*argv: object, stdin: str | None = None) -> str:
    """Run a program that must succeed, wherever the administrator's programs are; return what it prints."""
    command: list[str | bytes] = [require(str(argv[0])), *(os.fsencode(str(word)) for word in argv[1:])]
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, errors="surrogateescape"
    )
    assert done.returncode == 0, f"{argv[0]}: {done.stdout}{done.stderr}"
    return done.stdout


def blank(path: Path, size: int) -> Path:
    """A file of zeros that takes no room."""
    with path.open("wb") as stream:
        stream.truncate(size)
    return path


def make_ext(path: Path, tree: Path | None, *options: object, size: int = 32 << 20) -> Path:
    """An ext filesystem filled with a folder of the host."""
    blank(path, size)
    tool("mke2fs", "-q", "-F", *options, *(("-d", tree) if tree else ()), path)
    return path


def disk_to_change(folder: Path) -> Path:
    """A raw disk of 24 MB in ``folder``, one ext4 filesystem, with /etc/motd to change and /etc/old to remove."""
    tree = folder / "tree" / "etc"
    tree.mkdir(parents=True)
    (tree / "motd").write_text("hello")
    (tree / "old").write_bytes(b"old" * 100_000)
    return make_ext(folder / "disk.raw", tree.parent, "-t", "ext4", size=24 << 20)


def debugfs(path: Path, *commands: str) -> str:
    """Change an ext filesystem with debugfs."""
    return tool("debugfs", "-w", "-f", "-", path, stdin="\n".join(commands))


def image_info(
    *layers: tuple[Path, str],
    snapshots: Sequence[Snapshot] = (),
    snapshot: str | None = None,
    encryption: str = "",
) -> ImageInfo:
    """What is known of an image, made by hand: its layers and their formats, the image itself first."""
    chain = tuple(Layer(path, kind, 0, 0, encryption=encryption) for path, kind in layers)
    source = DiskSource(chain[0].host_path, snapshot=snapshot)
    return ImageInfo(source, chain[0].format, 0, 0, chain, tuple(snapshots))


def patch(path: Path, offset: int, content: bytes) -> None:
    """Overwrite bytes of a file."""
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(content)
