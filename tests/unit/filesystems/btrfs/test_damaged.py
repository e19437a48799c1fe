"""Hostile and damaged btrfs whose checksums fit: it ends in a named error, soon and in little memory.

A generator of some seventy cases: what is changed, and what the error says.
"""

from __future__ import annotations

import os
import resource
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from imgtools.errors import ImgtoolsError
from imgtools.files.tree import GuestTree
from imgtools.filesystems.btrfs import structures as known
from imgtools.filesystems.btrfs.reader import Btrfs
from imgtools.filesystems.btrfs.trees import HEADER
from imgtools.records.disks import Declined
from imgtools.records.request import Engine
from tests.support.btrfs_damage import Change, Editor, make_btrfs, number, put, several

pytestmark = pytest.mark.host
SOON = 20.0  # seconds for all that a case asks; a loop without end is what is looked for
MEMORY = 256 << 20  # bytes
BIG = (1 << 63) - 1
FS, ROOTS, CHUNKS, SUMS = known.FS_TREE, known.ROOT_TREE, known.CHUNK_TREE, known.CSUM_TREE


@dataclass(frozen=True)
class Place:
    """Where the files of the image lie: their inodes, and the keys of what is changed."""

    editor: Editor

    def inode(self, path: str) -> int:
        """The number of a file."""
        found = self.editor.open()
        assert isinstance(found, Btrfs)
        mounted = found.mount()
        assert not isinstance(mounted, Declined)
        stat = mounted.lookup(path)
        assert stat is not None
        return stat.inode

    def key(self, tree: int, kind: int, number: int | None = None) -> known.Key:
        """The first key of a kind, of one object or of any."""
        trees, root = self.editor.opened.trees, self.editor.root(tree)
        for key, _ in trees.items(root, (0, 0, 0), (known.MOST, known.MOST, known.MOST)):
            if key[1] == kind and number in (None, key[0]):
                return key
        raise AssertionError((tree, kind, number))

    def file(self, path: str, kind: int = known.EXTENT_DATA) -> known.Key:
        """The first key of a kind of a file."""
        return self.key(FS, kind, self.inode(path))

    def top(self, tree: int) -> int:
        """The address of a tree's topmost block."""
        return self.editor.root(tree).bytenr


Damage = Callable[[Editor, Place], None]


def of_superblock(at: int, size: int, value: int) -> Damage:
    return lambda editor, _: editor.number(at, size, value)


def in_superblock(at: int, content: bytes) -> Damage:
    return lambda editor, _: editor.superblock(at, content)


def of_file(path: str, at: int, size: int, value: int, kind: int = known.EXTENT_DATA) -> Damage:
    return lambda editor, place: editor.item(FS, place.file(path, kind), number(at, size, value))


def of_chunk(at: int, size: int, value: int) -> Damage:
    """Of the first chunk in the tree of chunks that is for data."""
    return lambda editor, place: editor.item(
        CHUNKS, place.key(CHUNKS, known.CHUNK_ITEM), number(at, size, value)
    )


def of_array(at: int, size: int, value: int) -> Damage:
    """Of the chunk in the superblock: its key is 17 bytes."""
    return of_superblock(811 + 17 + at, size, value)


def of_top(tree: int, at: int, content: bytes) -> Damage:
    return lambda editor, place: editor.block(place.top(tree), put(at, content))


def entry_of(path: str, at: int, content: bytes) -> Damage:
    """Of the first name in a directory."""
    return lambda editor, place: editor.item(FS, place.file(path, known.DIR_INDEX), put(at, content))


FEATURES = {
    "zoned": 0x1000, "extent-tree-v2": 0x2000, "raid-stripe-tree": 0x4000, "simple-quota": 0x10000,
    "remap-tree": 0x20000, "unknown features 0x80000000": 0x80000000,
}  # fmt: skip
FLAGS = {
    "a seed": 1 << 32, "copy of metadata": 1 << 33, "UUID is being changed": 1 << 35, "block group tree": 1 << 38,
    "checksums are being changed": 1 << 39, "unknown flags": 1 << 60,
}  # fmt: skip
DECLINED: dict[str, Damage] = {
    **{words: of_superblock(188, 8, flag | 0x341) for words, flag in FEATURES.items()},
    **{words: of_superblock(56, 8, flag | 1) for words, flag in FLAGS.items()},
    "(for reading they may not matter) 0x10": of_superblock(180, 8, 0x13),
    "log tree has to be replayed": of_superblock(96, 8, 30_605_312),
    "a checksum of kind 9": of_superblock(196, 2, 9),
    "contradicts itself": of_superblock(144, 4, 512),
    "itself": of_superblock(144, 4, 4097),
    "superblock contradicts": of_superblock(148, 4, 2048),
    "its superblock": of_superblock(148, 4, 1 << 17),
    "superblock contradicts itself": of_superblock(198, 1, 8),
    "its superblock contradicts itself": of_superblock(80, 8, 4097),
    "superblock cont": of_superblock(88, 8, 0),
    "superblock con": of_superblock(160, 4, 0),
    "superblock co": of_superblock(160, 4, 2049),
    "superblock c": of_superblock(136, 8, 0),
    "superblock ": of_superblock(48, 8, 4096),
    "the checksum of its superblock": lambda editor, _: editor.superblock(300, b"x", is_signed=False),
    "no btrfs superblock": in_superblock(64, b"_BHRfS_X"),
    "1 of the 2 devices of this btrfs are missing": of_superblock(136, 8, 2),
    "not the one that belongs to it": in_superblock(267, b"x" * 16),
    "grown from a seed": in_superblock(283, b"x" * 16),
    "something else than chunks": of_superblock(811 + 8, 1, 7),
    "in the superblock are cut": of_superblock(160, 4, 60),
    "has 0 stripes": of_array(44, 2, 0),
    "has 65535 stripes": of_array(44, 2, 65535),
    "the chunk at": of_array(16, 8, 4096),
    "chunk at": of_array(0, 8, 0),
    "cannot be": of_array(0, 8, BIG),
    "chunk at ": of_array(24, 8, 1 << 40),
    "the chunk at ": of_array(24, 8, 2 | 8 | 16),
    "device 7": of_array(48, 8, 7),
    "no chunk has address": of_superblock(88, 8, 1 << 50),
    "is the one of": lambda editor, place: editor.block(place.top(CHUNKS), number(48, 8, 4096)),
    "of another filesystem": of_top(CHUNKS, 32, b"x" * 16),
    "does not have its checksum (crc32c)": lambda e, p: e.block(
        p.top(ROOTS), put(3000, b"x"), is_signed=False
    ),
    "is of level 5": of_top(ROOTS, 100, b"\5"),
    "was written by transaction": of_top(ROOTS, 80, struct.pack("<Q", 99)),
    "has 4294967295 entries": of_top(ROOTS, 96, b"\xff" * 4),
    "are not in order": lambda editor, place: editor.block(place.top(ROOTS), number(HEADER.size, 8, BIG)),
    "reaches beyond its block": lambda editor, place: editor.block(
        place.top(CHUNKS), number(HEADER.size + 17, 4, 1 << 31)
    ),
    "item of device 1 is cut": lambda e, p: e.item(CHUNKS, (1, 216, 1), number(0, 1, 1), size=20),
    "stripes in": of_chunk(44, 2, 40_000),
    " cannot be": of_chunk(40, 4, 0),
    "overlap": of_chunk(0, 8, 1 << 40),
    "the root of tree": lambda e, p: e.item(ROOTS, (SUMS, known.ROOT_ITEM, 0), number(0, 1, 1), size=100),
    "it has no checksum tree": lambda e, p: e.key(
        ROOTS, (SUMS, known.ROOT_ITEM, 0), (SUMS, known.ROOT_ITEM - 1, 0)
    ),
    "it has no top subvolume": lambda e, p: e.key(
        ROOTS, (FS, known.ROOT_ITEM, 0), (FS, known.ROOT_ITEM - 1, 0)
    ),
    "its root directory": lambda e, p: e.key(FS, (256, known.INODE_ITEM, 0), (256, known.INODE_ITEM - 1, 0)),
    "its root is a file": lambda e, p: e.item(FS, (256, known.INODE_ITEM, 0), number(52, 4, 0o100644)),
    "there is no inode 256": lambda e, p: e.item(FS, (256, known.INODE_ITEM, 0), number(52, 4, 0o170000)),
    "no subvolume 77": lambda e, p: e.item(
        ROOTS, p.key(ROOTS, known.DIR_ITEM, known.ROOT_FOLDER), number(0, 8, 77)
    ),
    "it has no subvolume": lambda e, p: e.item(ROOTS, (FS, known.ROOT_ITEM, 0), number(216, 4, 0)),
}
# What is damaged behind the root of a filesystem that can be mounted: the question, and what the error says.
READING: dict[str, tuple[str, str, Damage]] = {
    "kind of extent": ("/big", "is of kind 3", of_file("/big", 20, 1, 3)),
    "compression": ("/big", "compression 4", of_file("/big", 16, 1, 4)),
    "encryption": ("/big", "encryption 1", of_file("/big", 17, 1, 1)),
    "encoding": ("/big", "is of kind", of_file("/big", 18, 2, 1)),
    "half a sector": ("/big", "whole sectors", of_file("/big", 45, 8, 4095)),
    "nothing": ("/big", "whole sectors", of_file("/big", 45, 8, 0)),
    "too long": ("/big", "larger than what it lies in", of_file("/big", 45, 8, 1 << 40)),
    "without end": ("/big", "whole sectors", of_file("/big", 45, 8, (1 << 63) + 4096)),
    "behind itself": ("/big", "larger than what", of_file("/big", 37, 8, 1 << 40)),
    "nowhere": ("/big", "no chunk has address", of_file("/big", 21, 8, 1 << 50)),
    "in a tree": ("/big", "no checksum", of_file("/big", 21, 8, 30_408_704)),
    "packed and large": ("/big", "larger than what", lambda e, p: (
        e.item(FS, p.file("/big"), put(8, struct.pack("<QB", 1 << 30, 1))))),
    "short inside": ("/small", "and says 4096", of_file("/small", 8, 8, 4096)),
    "packed inside": ("/small", "zlib stream is damaged", of_file("/small", 16, 1, 1)),
    "packed by lzo": ("/small", "lzo stream is damaged", of_file("/small", 16, 1, 2)),
    "packed by zstd": ("/small", "zstd stream is damaged", of_file("/small", 16, 1, 3)),
    "packed and larger": ("/small", "says 1073741824", lambda e, p: (
        e.item(FS, p.file("/small"), put(8, struct.pack("<QB", 1 << 30, 1))))),
    "a cut extent": ("/big", "is cut", lambda e, p: e.item(FS, p.file("/big"), number(0, 1, 1), size=30)),
    "no extent at all": ("/big", "is cut", lambda e, p: e.item(FS, p.file("/big"), number(0, 1, 1), size=5)),
    "other data": ("/big", "does not have its checksum", lambda e, p: e.item(
        SUMS, p.key(SUMS, known.EXTENT_CSUM), number(0, 4, 1))),
    "no checksums": ("/big", "has no checksum", lambda e, p: e.item(
        SUMS, p.key(SUMS, known.EXTENT_CSUM), number(0, 4, 1), size=2)),
    "a long link": ("/link", "is a link of", of_file("/link", 16, 8, 1 << 40, known.INODE_ITEM)),
    "a cut name": ("/sub", "is cut", entry_of("/sub", 27, b"\xff\xff")),
    "a name without letters": ("/sub", "is cut", entry_of("/sub", 27, b"\0\0")),
    "a slash": ("/sub", "cannot be", entry_of("/sub", 30, b"/")),
    "a NUL": ("/sub", "cannot be", entry_of("/sub", 30, b"\0")),
    "no kind of place": ("/sub", "leads to an item of type 99", entry_of("/sub", 8, b"\x63")),
    "an attribute": ("/small", "is cut", lambda e, p: e.item(
        FS, p.file("/small", known.XATTR_ITEM), number(25, 2, 60_000))),
    "pointers to itself": ("/", "is of another level", lambda e, p: e.block(
        p.top(FS), several(_pointing(number, struct.pack("<Q", p.top(FS))) for number in _numbers(e)))),
    "pointers to another": ("/", "does not begin with the key", lambda e, p: e.block(
        p.top(FS), several(_pointing(number, _pointer(e, 0)) for number in _numbers(e)))),
    "no pointers": ("/", "has 0 entries", of_top(FS, 96, bytes(4))),
}  # fmt: skip


def _numbers(editor: Editor) -> range:
    """All pointers but the first: a leaf may hold nothing but hashes of names, which nobody looks into."""
    return range(1, len(editor.opened.trees._block(*editor.root(FS)[1:4]).entries))


def _pointing(index: int, place: bytes) -> Change:
    """A change: where a pointer in the topmost block leads."""
    return put(HEADER.size + 33 * index + 17, place)


def _pointer(editor: Editor, index: int) -> bytes:
    """Address and generation of a pointer in the topmost block of the files' tree."""
    block = editor.opened.trees._block(*editor.root(FS)[1:4])
    return struct.pack("<QQ", *block.entries[index][3:])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("btrfs")
    top = folder / "tree"
    (top / "sub" / "deep").mkdir(parents=True)
    (top / "big").write_bytes(bytes(range(256)) * 400)
    (top / "small").write_text("a few words that stand in the tree itself")
    (top / "link").symlink_to("small")
    os.setxattr(top / "small", "user.comment", b"x")
    for count in range(300):
        (top / "sub" / f"file-{count}").write_text(f"{count}\n")
    return make_btrfs(folder / "image", top)


def ask(found: Btrfs | Declined, path: str) -> Declined | str:
    """Read everything that there is of a path, and walk through all."""
    mounted = found.mount() if isinstance(found, Btrfs) else found
    if isinstance(mounted, Declined):
        return mounted
    tree = GuestTree({"/": mounted}, Engine.DIRECT)
    try:
        stat = tree.lstat(path)
        assert stat is not None
        if path == "/":
            for one in tree.walk("/"):
                tree.xattrs(one.path)
        elif path == "/link":
            tree.read_link(path)
        elif path == "/sub":
            tree.list_dir(path)
        else:
            tree.xattrs(path)
            with tree.open(path) as stream:
                stream.read()
    except ImgtoolsError as error:
        return error.message
    return ""


@pytest.fixture
def bounds() -> object:
    """What a case may take."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield None
    assert time.monotonic() - began < SOON
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < MEMORY


@pytest.mark.parametrize("words", DECLINED)
def test_what_is_not_mounted_says_why(words: str, image: Path, bounds: None) -> None:
    editor = Editor(image)
    DECLINED[words](editor, Place(editor))
    found = ask(editor.open(), "/")
    assert isinstance(found, Declined)
    assert words.strip() in found.reason and "\n" not in found.reason


@pytest.mark.parametrize("name", READING)
def test_what_cannot_be_read_is_a_named_error(name: str, image: Path, bounds: None) -> None:
    path, words, damage = READING[name]
    editor = Editor(image)
    damage(editor, Place(editor))
    found = ask(editor.open(), path)
    assert (found.reason if isinstance(found, Declined) else found).count(words) == 1, found


def test_the_image_itself_is_whole(image: Path) -> None:
    for path in ("/", "/big", "/small", "/link", "/sub"):
        assert ask(Editor(image).open(), path) == ""


def test_a_second_copy_of_a_tree_block_is_as_good(image: Path) -> None:
    editor = Editor(image)
    for tree in (CHUNKS, ROOTS, FS, SUMS):
        editor.block(Place(editor).top(tree), put(200, b"damage"), copies=1, is_signed=False)
    assert ask(editor.open(), "/big") == "" == ask(editor.open(), "/")


def test_a_superblock_whose_copy_is_whole_is_told_of(tmp_path: Path) -> None:
    editor = Editor(make_btrfs(tmp_path / "image", None))
    editor.superblock(300, b"x", is_signed=False)
    found = editor.open()
    assert isinstance(found, Declined) and "super-recover" in found.reason
