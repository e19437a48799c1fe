"""What the kernel said of the kinds of btrfs (fixtures/btrfs.py), and the same kinds opened by our reader."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fixtures import btrfs
from imgtools.disk.backing import examine
from imgtools.engine.confined.btrfs import open_filesystem
from imgtools.engine.qemu.block import serve_disk
from imgtools.filesystems.btrfs.reader import Btrfs
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind, FileStat
from imgtools.records.image import DiskSource
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile
from tests.support.fixtures import fixture_disks

KINDS = {"f": FileKind.FILE, "d": FileKind.DIRECTORY, "l": FileKind.LINK, "c": FileKind.CHARACTER,
         "b": FileKind.BLOCK, "p": FileKind.FIFO, "s": FileKind.SOCKET}  # fmt: skip
PLACEHOLDER = (
    2  # the inode of an empty directory where a snapshot has no subvolume; its times are those of the look
)
ODD_BYTE = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the kernel said of one mount. Paths begin with a slash."""

    kind: str
    option: str
    usage: Usage
    files: dict[str, FileStat]
    targets: dict[str, str]
    sums: dict[str, str]
    attributes: dict[str, dict[str, bytes]] = field(repr=False)
    subvolumes: tuple[tuple[int, str], ...] = ()


def disks_of(kind: str) -> list[Path]:
    """The images of the disks that belong to a kind."""
    known = {path.name: path for path in fixture_disks(btrfs.NAME)}
    return [known[name] for name in btrfs.disks_of(kind)[btrfs.KINDS[kind].removed :]]


@contextmanager
def opened(kind: str) -> Iterator[Btrfs | Declined]:
    """A kind, opened by our reader; what has become of it if it is declined."""
    with ExitStack() as stack:
        infos = [examine(DiskSource(path)) for path in disks_of(kind)]
        files = [
            DiskFile.whole(stack.enter_context(serve_disk(info)), f"/dev/sd{chr(97 + number)}")
            for number, info in enumerate(infos)
        ]
        yield open_filesystem(files)


def answers() -> list[Answer]:
    """All that the kernel said."""
    path = fixture_disks(btrfs.NAME)[0].parent / btrfs.ANSWERS
    return [_answer(one) for one in json.loads(path.read_text())]


def _answer(raw: dict[str, str]) -> Answer:
    files, targets = {}, {}
    for path, stat, target in _files(_unpacked(raw["files"]), _nodes(_unpacked(raw["nodes"]))):
        files[path] = stat
        if stat.kind is FileKind.LINK:
            targets[path] = target
    size, blocks, free, available, inodes, inodes_free = (int(word) for word in raw["usage"].split())
    sums = (one for one in _unpacked(raw["sums"]).split("\0") if one)
    return Answer(
        raw["kind"],
        raw["option"],
        Usage(blocks * size, free * size, available * size, inodes, inodes_free),
        files,
        targets,
        {one[67:]: one[:64] for one in sums},
        dict(_attributes(_unpacked(raw["attributes"]))),
        tuple(_subvolumes(_unpacked(raw["subvolumes"]))),
    )


def _unpacked(text: str) -> str:
    return gzip.decompress(base64.b64decode(text)).decode("utf-8", "surrogateescape")


def _nodes(text: str) -> dict[str, tuple[int, int]]:
    """Device numbers, which find(1) does not print."""
    found = {}
    for line in text.splitlines():
        major, minor, path = line.split(" ", 2)
        found[path[1:]] = int(major, 16), int(minor, 16)
    return found


def _files(text: str, nodes: dict[str, tuple[int, int]]) -> Iterator[tuple[str, FileStat, str]]:
    for record in text.split("\x01")[:-1]:
        facts, _, target = record.partition("\x02")
        kind, mode, uid, gid, size, links, inode, atime, mtime, ctime, name = facts.split(" ", 10)
        path = f"/{name}"
        stat = FileStat(
            KINDS[kind], int(size), int(mode, 8), int(uid), int(gid), int(links), int(inode),
            nodes.get(path, (0, 0)), _time(atime), _time(mtime), _time(ctime),
        )  # fmt: skip
        yield path, stat, target


def _time(text: str) -> int:
    """Nanoseconds since 1970; find prints the two numbers of a timespec: -2.1234567890 is 1.87... seconds before."""
    seconds, _, rest = text.partition(".")
    return int(seconds) * 10**9 + int(rest[:9].ljust(9, "0"))


def _attributes(text: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """What ``getfattr -R -d -e hex`` prints; in names and paths it writes odd bytes as octal."""
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if not lines:
            continue
        values = {}
        for line in lines[1:]:
            name, _, value = line.partition("=")
            values[_plain(name)] = bytes.fromhex(value.removeprefix("0x")) if value.startswith("0x") else b""
        path = _plain(lines[0].removeprefix("# file: "))
        yield ("/" if path == "." else f"/{path}"), values


def _plain(text: str) -> str:
    raw = ODD_BYTE.sub(lambda match: bytes([int(match[1], 8)]), text.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def _subvolumes(text: str) -> Iterator[tuple[int, str]]:
    for line in text.splitlines():
        words = line.split(" ", 8)
        yield int(words[1]), words[8]
