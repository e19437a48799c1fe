"""Small btrfs made by mkfs.btrfs without root, and changes of them that no checksum gives away."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from imgtools.filesystems.btrfs import superblock
from imgtools.filesystems.btrfs.checksum import Checksum, checksum
from imgtools.filesystems.btrfs.compression import unpack
from imgtools.filesystems.btrfs.opening import Opened, open_devices
from imgtools.filesystems.btrfs.reader import Btrfs, open_btrfs
from imgtools.filesystems.btrfs.structures import CHUNK_TREE, ROOT_TREE, Key, RootItem
from imgtools.filesystems.btrfs.superblock import PLACE, SIZE
from imgtools.filesystems.btrfs.trees import HEADER, ITEM
from imgtools.records.disks import Declined
from imgtools.volumes.volume_file import DiskFile
from tests.support.volumes import blank, tool, volume

CRC = checksum(0)
Change = Callable[[bytearray], None]


def make_btrfs(path: Path, tree: Path | None, *options: object, size: int = 128 << 20) -> Path:
    """A btrfs filled with a folder of the host."""
    blank(path, size)
    tool("mkfs.btrfs", "-q", "-f", *(("--rootdir", tree) if tree else ()), *options, path)
    return path


class Changed:
    """A served disk whose bytes are changed in memory; the file stays as it is."""

    socket = ""
    warning = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.pages: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        """As of a DiskServer; changes are of whole pages."""
        length = max(0, min(length, self.size - offset))
        with self.path.open("rb") as stream:
            stream.seek(offset)
            raw = bytearray(stream.read(length))
        for at, page in self.pages.items():
            begin, end = max(at, offset), min(at + len(page), offset + length)
            if begin < end:
                raw[begin - offset : end - offset] = page[begin - at : end - at]
        return bytes(raw)

    def write(self, offset: int, content: bytes) -> None:
        """Put something in the place of what is there."""
        self.pages[offset] = content

    def volume(self, name: str = "/dev/sda") -> DiskFile:
        """The disk as a volume."""
        return DiskFile.whole(self, name)


class Editor:
    """Changes a filesystem in such a way that its checksums fit again."""

    def __init__(self, path: Path) -> None:
        self.disk = Changed(path)
        opened = open_devices([volume(path)])
        assert isinstance(opened, Opened), opened
        self.opened = opened

    def open(self) -> Btrfs | Declined:
        """What our reader makes of it."""
        return open_btrfs([self.disk.volume()], unpack)

    # -- the superblock ------------------------------------------------------------------------------------

    def superblock(self, at: int, content: bytes, *, is_signed: bool = True) -> None:
        """Change bytes of the superblock."""
        raw = bytearray(self.disk.read(PLACE, SIZE))
        raw[at : at + len(content)] = content
        if is_signed:
            raw[:4] = _crc(bytes(raw[32:]))
        self.disk.write(PLACE, bytes(raw))

    def number(self, at: int, size: int, value: int) -> None:
        """Change a number in the superblock."""
        self.superblock(at, value.to_bytes(size, "little"))

    # -- blocks of trees -----------------------------------------------------------------------------------

    def root(self, tree: int) -> RootItem:
        """The root of a tree."""
        known = self.opened.superblock
        if tree == ROOT_TREE:
            return RootItem(ROOT_TREE, known.root, known.root_level, known.generation)
        if tree == CHUNK_TREE:
            return RootItem(CHUNK_TREE, known.chunk_root, known.chunk_root_level, known.chunk_root_generation)
        return self.opened.roots.need(tree, str(tree))

    def block(self, address: int, change: Change, *, copies: int = 9, is_signed: bool = True) -> None:
        """Change a block, in as many of its copies."""
        for size, places in self.opened.chunks.pieces(address, self.opened.superblock.node):
            for _device, place in places[:copies]:
                raw = bytearray(self.disk.read(place, size))
                change(raw)
                if is_signed:
                    raw[:4] = _crc(bytes(raw[32:]))
                self.disk.write(place, bytes(raw))

    def item(self, tree: int, key: Key, change: Change, *, size: int | None = None) -> None:
        """Change the data of an item; with a size, also how long it is said to be."""
        leaf = self.opened.trees.leaf(self.root(tree), key)
        index = next(number for number, one in enumerate(leaf.block.entries) if one[:3] == key)
        address = struct.unpack_from("<Q", leaf.block.raw, 48)[0]

        def edit(raw: bytearray) -> None:
            at = HEADER.size + index * ITEM.size
            *_key, place, length = ITEM.unpack_from(raw, at)
            begin = HEADER.size + place
            data = bytearray(raw[begin : begin + length])
            change(data)
            raw[begin : begin + length] = data[:length].ljust(length, b"\0")
            if size is not None:
                raw[at + 21 : at + 25] = size.to_bytes(4, "little")

        self.block(address, edit)

    def key(self, tree: int, key: Key, other: Key) -> None:
        """Give an item another key."""
        leaf = self.opened.trees.leaf(self.root(tree), key)
        index = next(number for number, one in enumerate(leaf.block.entries) if one[:3] == key)
        address = struct.unpack_from("<Q", leaf.block.raw, 48)[0]
        at = HEADER.size + index * ITEM.size
        self.block(address, put(at, struct.pack("<QBQ", *other)))


class _Any(bytes):
    """A checksum that is as every other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = bytes.__hash__


@contextmanager
def without_checksums() -> Iterator[None]:
    """Have every checksum of a filesystem that is opened meanwhile be right."""
    found, superblock.checksum = (
        superblock.checksum,
        lambda number: Checksum("none", 4, lambda content: _Any(4)),
    )
    try:
        yield
    finally:
        superblock.checksum = found


def put(at: int, content: bytes) -> Change:
    """A change: bytes at a place."""

    def change(raw: bytearray) -> None:
        raw[at : at + len(content)] = content

    return change


def number(at: int, size: int, value: int) -> Change:
    """A change: a number at a place."""
    return put(at, value.to_bytes(size, "little"))


def several(changes: Iterable[Change]) -> Change:
    """Changes, one after the other."""
    known = tuple(changes)

    def change(raw: bytearray) -> None:
        for one in known:
            one(raw)

    return change


def _crc(content: bytes) -> bytes:
    assert CRC is not None
    return CRC.of(content)
