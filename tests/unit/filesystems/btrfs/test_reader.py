"""btrfs made by mkfs.btrfs read as its folder is; subvolumes, devices and checksums of every kind."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import pytest

from imgtools.errors import NoSuchGuestFile, OddGuest
from imgtools.files.tree import GuestTree
from imgtools.filesystems.btrfs import structures as known
from imgtools.filesystems.btrfs.checksum import checksum
from imgtools.filesystems.btrfs.compression import unpack
from imgtools.filesystems.btrfs.reader import Btrfs, open_btrfs
from imgtools.filesystems.inodes import InodeFilesystem
from imgtools.records.disks import MORE_DISKS, Declined
from imgtools.records.files import FileKind
from imgtools.records.request import Engine
from imgtools.volumes.volume_file import DiskFile
from tests.support.btrfs_damage import Editor, make_btrfs, put
from tests.support.volumes import blank, tool, volume

KINDS = {
    "as it comes": (),
    "xxhash64, nodes of 32 KiB": ("--csum", "xxhash", "-n", 32768),
    "sha256": ("--csum", "sha256"),
    "blake2b, nodes of 64 KiB": ("--csum", "blake2", "-n", 65536),
    "sectors of 16 KiB": ("-s", 16384),
    "nodes of 4 KiB, as of old": ("-n", 4096, "-O", "^no-holes,^skinny-metadata", "-R", "^free-space-tree"),
    "one copy of all": ("-m", "single", "-d", "single"),
    "mixed": ("--mixed",),
}
LONG = "/".join(["t" * 200] * 5)


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("btrfs") / "tree"
    (folder / "many").mkdir(parents=True)
    (folder / "empty").mkdir(mode=0o700)
    (folder / "inside").write_text("in the tree itself")
    (folder / "nothing").write_bytes(b"")
    (folder / "large").write_bytes(bytes(range(256)) * 9000 + b"end")
    (folder / "set-uid").write_bytes(b"x")
    (folder / "set-uid").chmod(0o4711)
    (folder / "link").symlink_to("inside")
    (folder / "long").symlink_to(LONG)
    os.link(folder / "inside", folder / "many" / "again")
    os.mkfifo(folder / "pipe")
    os.setxattr(folder / "inside", "user.comment", b"some\0bytes")
    os.setxattr(folder / "inside", "user.empty", b"")
    for number in range(700):
        (folder / "many" / f"file-number-{number:04}").write_text(f"{number}\n")
    os.utime(folder / "inside", ns=(-1_500_000_001, 7_289_654_321_000_000_009))
    return folder


@pytest.fixture(scope="module", params=KINDS)
def image(request: pytest.FixtureRequest, top: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_btrfs(tmp_path_factory.mktemp("made") / "image", top, *KINDS[request.param])


def opened(*images: Path) -> Btrfs:
    found = open_btrfs(
        [volume(one, f"/dev/sd{chr(97 + number)}") for number, one in enumerate(images)], unpack
    )
    assert isinstance(found, Btrfs), found
    return found


def mounted(image: Path, option: str = "") -> InodeFilesystem:
    found = opened(image).mount(option)
    assert not isinstance(found, Declined), found
    return found


@pytest.mark.host
def test_every_file_is_as_in_the_folder(image: Path, top: Path) -> None:
    tree = GuestTree({"/": mounted(image)}, Engine.DIRECT)
    names = {f"/{path.relative_to(top)}": path for path in top.rglob("*")}
    found = {one.path: one.stat for one in tree.walk("/")}
    assert found.keys() == {"/", *names}
    for name, path in names.items():
        theirs, ours = path.lstat(), found[name]
        facts = (ours.mode, ours.uid, ours.gid, ours.mtime // 10**9)  # mkfs.btrfs 6.2 writes whole seconds
        assert facts == (theirs.st_mode & 0o7777, theirs.st_uid, theirs.st_gid, theirs.st_mtime_ns // 10**9)
        if ours.kind is FileKind.FILE:
            assert ours.size == theirs.st_size and ours.links == theirs.st_nlink
            with tree.open(name) as stream:
                assert hashlib.sha256(stream.read()).digest() == hashlib.sha256(path.read_bytes()).digest()
        elif ours.kind is FileKind.LINK:
            assert tree.read_link(name) == str(path.readlink())
    assert tree.xattrs("/inside") == {"user.comment": b"some\0bytes", "user.empty": b""}
    assert dict(tree.xattrs("/large")) == {}


@pytest.mark.host
def test_a_file_is_read_wherever_one_likes(image: Path, top: Path) -> None:
    content = (top / "large").read_bytes()
    with mounted(image).open("/large") as stream:
        for start, length in (
            (0, 1),
            (4095, 2),
            (100_000, 300_000),
            (len(content) - 3, 10),
            (len(content), 1),
        ):
            stream.seek(start)
            assert stream.read(length) == content[start : start + length]
        assert stream.seek(0, os.SEEK_DATA) == 0
        assert stream.seek(0, os.SEEK_HOLE) == len(content)
        with pytest.raises(OSError, match="No such device or address"):
            stream.seek(len(content), os.SEEK_DATA)


@pytest.mark.host
def test_the_checker_of_btrfs_finds_nothing_else(image: Path) -> None:
    tool("btrfs", "check", "--readonly", image)
    found = opened(image).usage()
    assert found.size == 128 << 20 and 0 < found.available <= found.free < found.size


@pytest.fixture(scope="module")
def plain(top: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_btrfs(tmp_path_factory.mktemp("plain") / "image", top)


@pytest.mark.host
def test_options_of_a_mount(plain: Path) -> None:
    for option in ("", "subvol=/", "subvol=", "subvolid=5", "subvolid=0", "subvolid=05"):
        assert mounted(plain, option).lookup("/inside") is not None
    for option in (
        "subvol=gone",
        "subvolid=256",
        "subvolid=x",
        "subvolid=-1",
        "subvolid=08",
        "subvolid=²",
        f"subvolid={1 << 70}",
    ):
        found = opened(plain).mount(option, "/dev/sda2")
        assert isinstance(found, Declined)
        assert found.what == "/dev/sda2" and "has no subvolume" in found.reason and found.damaged
    assert opened(plain).try_subvolumes() == ()


@pytest.mark.host
def test_what_is_not_there(plain: Path) -> None:
    filesystem = mounted(plain)
    assert filesystem.lookup("/missing") is None
    assert filesystem.lookup("/inside/below") is None
    with pytest.raises(NoSuchGuestFile):
        filesystem.open("/missing")


@pytest.mark.host
def test_a_data_sector_that_does_not_have_its_checksum_is_not_given(plain: Path) -> None:
    editor = Editor(plain)
    filesystem = editor.open()
    assert isinstance(filesystem, Btrfs)
    files = filesystem.mount()
    assert not isinstance(files, Declined)
    stat = files.lookup("/large")
    assert stat is not None
    root = editor.root(known.FS_TREE)
    (_key, raw), *_ = editor.opened.trees.items(
        root, (stat.inode, known.EXTENT_DATA, 0), (stat.inode, known.EXTENT_DATA, known.MOST)
    )
    (address,) = struct.unpack_from("<Q", raw, 21)
    ((_, ((_, place),)),) = editor.opened.chunks.pieces(address + 3 * 4096, 4096)
    editor.disk.write(place + 100, b"damage")
    with files.open("/large") as stream:
        assert len(stream.read(3 * 4096)) == 3 * 4096
    with files.open("/large") as stream, pytest.raises(OddGuest, match="does not have its checksum"):
        stream.read()


@pytest.mark.host
def test_several_devices_in_any_order_and_what_is_missing(top: Path, tmp_path: Path) -> None:
    images = [blank(tmp_path / f"disk{number}", 128 << 20) for number in range(3)]
    tool("mkfs.btrfs", "-q", "-f", "-d", "raid0", "-m", "raid1", *images)
    for order in ((0, 1, 2), (2, 0, 1)):
        mounted_on = opened(*(images[number] for number in order)).mount()
        assert not isinstance(mounted_on, Declined)
        assert list(mounted_on.scan("/")) == []
    files = [volume(one, f"/dev/sd{chr(97 + number)}") for number, one in enumerate(images)]
    found = open_btrfs(files[:2], unpack)
    assert isinstance(found, Declined) and found.damaged and found.hint == MORE_DISKS
    assert found.reason.startswith("device 3 of this btrfs is missing (UUID_SUB ")
    found = open_btrfs(files[2:], unpack)
    assert isinstance(found, Declined) and found.damaged and "missing" in found.reason
    found = open_btrfs([*files, DiskFile(files[0].extents, "/dev/sdz")], unpack)
    assert isinstance(found, Declined) and found.reason.endswith("is there twice: /dev/sda and /dev/sdz")


@pytest.mark.host
def test_a_seed_is_left_to_others(plain: Path, tmp_path: Path) -> None:
    image = tmp_path / "seed"
    image.write_bytes(plain.read_bytes())
    tool("btrfstune", "-S", "1", image)
    found = open_btrfs([volume(image)], unpack)
    assert isinstance(found, Declined) and found.reason == "btrfs: it is a seed for other filesystems"


@pytest.mark.host
def test_a_uuid_that_was_changed_afterwards(top: Path, tmp_path: Path) -> None:
    image = make_btrfs(tmp_path / "image", top)
    tool("btrfstune", "-f", "-m", image)
    assert mounted(image).lookup("/inside") is not None


def test_the_checksums_are_those_that_are_stored() -> None:
    content = b"123456789"
    expected = {
        0: "839206e3",  # the check value of CRC-32C, 0xE3069283, little-endian
        2: hashlib.sha256(content).hexdigest(),
        3: hashlib.blake2b(content, digest_size=32).hexdigest(),
    }
    for number, wanted in expected.items():
        found = checksum(number)
        assert found is not None and found.of(content).hex() == wanted and len(wanted) == 2 * found.size
    xxhash = checksum(1)
    # https://github.com/Cyan4973/xxHash, of nothing with seed 0: 0xEF46DB3751D8E999
    assert xxhash is not None and xxhash.of(b"").hex() == "99e9d85137db46ef"
    assert checksum(4) is None


@pytest.mark.host
def test_a_directory_in_itself_is_walked_once(plain: Path) -> None:
    editor = Editor(plain)
    found = editor.open()
    assert isinstance(found, Btrfs)
    files = found.mount()
    assert not isinstance(files, Declined)
    stat = files.lookup("/many")
    assert stat is not None
    trees, root = editor.opened.trees, editor.root(known.FS_TREE)
    low = (stat.inode, known.DIR_INDEX, 0)
    key = next(key for key, _ in trees.items(root, low, (stat.inode, known.DIR_INDEX, known.MOST)))
    editor.item(known.FS_TREE, key, put(0, struct.pack("<Q", 256)))
    changed = editor.open()
    assert isinstance(changed, Btrfs)
    again = changed.mount()
    assert not isinstance(again, Declined)
    tree = GuestTree({"/": again}, Engine.DIRECT)
    assert len(list(tree.walk("/"))) < 2000
