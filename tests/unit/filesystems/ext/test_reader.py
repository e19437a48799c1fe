"""ext2, ext3 and ext4 made by mke2fs and debugfs read as the kernel would show them; what is not known is declined."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgtools.errors import ImgtoolsError, NoSuchGuestFile, NotADirectory, NotAFile, OddGuest
from imgtools.filesystems.ext.reader import mount_ext
from imgtools.filesystems.inodes import InodeFilesystem
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile
from tests.support.volumes import FileDisk, blank, bytes_volume, debugfs, make_ext, patch, tool, volume

KINDS = {
    "ext4": ("-t", "ext4"),
    "ext4, blocks of 1 KiB": ("-t", "ext4", "-b", "1024"),
    "ext4, inline data": ("-t", "ext4", "-O", "inline_data"),
    "ext4, bigalloc": ("-t", "ext4", "-O", "bigalloc", "-C", "16384"),
    "ext4, bigalloc with blocks of 1 KiB": ("-t", "ext4", "-O", "bigalloc", "-b", "1024", "-C", "8192"),
    "ext4, meta_bg": ("-t", "ext4", "-O", "meta_bg,^resize_inode", "-b", "1024", "-g", "1024"),
    "ext4, small inodes": ("-t", "ext4", "-I", "128"),
    "ext3": ("-t", "ext3"),
    "ext2, blocks of 1 KiB": ("-t", "ext2", "-b", "1024"),
}
ODD_NAME = b"\xff\xfe odd"


def mounted(path: Path) -> InodeFilesystem:
    found = mount_ext(volume(path))
    assert isinstance(found, InodeFilesystem), found
    return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that mke2fs takes over without root."""
    top = tmp_path_factory.mktemp("tree")
    (top / "etc" / "deep" / "er").mkdir(parents=True)
    (top / "etc" / "hostname").write_text("guest\n")
    os.utime(top / "etc" / "hostname", ns=(1_600_000_000_000_000_000, 1_700_000_000_000_000_000))
    (top / "etc" / "hostname").chmod(0o4640)
    (top / "empty").touch()
    (top / "tiny").write_bytes(b"x" * 100)
    (top / "page").write_bytes(bytes(range(256)) * 40)
    for length in (1, 59, 60, 61, 900):
        (top / f"link{length}").symlink_to("t" * length)
    os.link(top / "page", top / "hard")
    Path(os.fsdecode(os.fsencode(top) + b"/" + ODD_NAME)).write_text("odd")
    (top / ("n" * 255)).write_text("long name")
    with (top / "sparse").open("wb") as stream:
        stream.seek(3 << 20)
        stream.write(b"in the middle")
        stream.truncate(9 << 20)
    (top / "many").mkdir()
    for number in range(700):
        (top / "many" / f"file-{number:04}").touch()
    return top


@pytest.fixture(scope="module")
def images(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tree on each kind of filesystem, made when it is first asked for."""
    folder, made = tmp_path_factory.mktemp("images"), dict[str, Path]()

    def image(kind: str) -> Path:
        if kind not in made:
            made[kind] = make_ext(folder / f"{len(made)}.img", tree, *KINDS[kind], size=64 << 20)
        return made[kind]

    return image


@pytest.mark.host
@pytest.mark.parametrize("kind", KINDS)
def test_files_read_as_they_were_written(images: Callable[[str], Path], tree: Path, kind: str) -> None:
    fs = mounted(images(kind))
    expected = {entry.name for entry in tree.iterdir()} | {"lost+found"}
    assert {entry.name for entry in fs.scan("/")} == expected
    assert {entry.name for entry in fs.scan("/many")} == {f"file-{number:04}" for number in range(700)}
    names = ["empty", "tiny", "page", "hard", "etc/hostname", os.fsdecode(ODD_NAME), "n" * 255]
    if "inline" not in kind:  # mke2fs 1.47.0 cuts sparse files there
        names.append("sparse")
    for name in names:
        with fs.open(f"/{name}") as stream:
            assert stream.read() == (tree / name).read_bytes(), name
    for length in (1, 59, 60, 61, 900):
        assert fs.read_link(f"/link{length}") == "t" * length


@pytest.mark.host
@pytest.mark.parametrize("kind", KINDS)
def test_facts_of_files(images: Callable[[str], Path], tree: Path, kind: str) -> None:
    fs = mounted(images(kind))
    found = fs.lookup("/etc/hostname")
    assert found is not None
    assert (found.kind, found.size, found.mode, found.links) == (FileKind.FILE, 6, 0o4640, 1)
    assert (found.uid, found.gid) == (tree.stat().st_uid, tree.stat().st_gid)
    assert found.mtime == 1_700_000_000_000_000_000
    hard, page = fs.lookup("/hard"), fs.lookup("/page")
    assert hard is not None and hard == page and hard.links == 2
    assert fs.lookup("/etc").kind is FileKind.DIRECTORY  # type: ignore[union-attr]
    assert fs.lookup("/link60").size == 60  # type: ignore[union-attr]
    assert fs.lookup("/etc/nothing") is None
    assert fs.lookup("/tiny/below") is None


@pytest.mark.host
def test_seeking_in_a_sparse_file(images: Callable[[str], Path]) -> None:
    found = mounted(images("ext3")).lookup("/sparse")
    assert found is not None and found.size == 9 << 20
    with mounted(images("ext3")).open("/sparse") as stream:
        stream.seek((3 << 20) - 2)
        assert stream.read(15) == b"\0\0in the middle"
        stream.seek(-4, os.SEEK_END)
        assert stream.read(100) == bytes(4)


@pytest.mark.host
@pytest.mark.parametrize("kind", ["ext3", "ext4"])
def test_sizes_above_4_gib(tmp_path: Path, kind: str) -> None:
    (tmp_path / "tree").mkdir()
    with (tmp_path / "tree" / "big").open("wb") as stream:
        stream.seek(5 << 30)
        stream.write(b"end of a big file")
    fs = mounted(make_ext(tmp_path / "a.img", tmp_path / "tree", "-t", kind))
    found = fs.lookup("/big")
    assert found is not None and found.size == (5 << 30) + 17
    with fs.open("/big") as stream:
        stream.seek(5 << 30)
        assert stream.read() == b"end of a big file"


@pytest.mark.host
def test_what_only_debugfs_can_make(tmp_path: Path) -> None:
    path = make_ext(tmp_path / "a.img", None, "-t", "ext4")
    (tmp_path / "content").write_text("x")
    debugfs(
        path,
        "mknod null c 1 3", "mknod disk b 259 3", "mknod pipe p",
        f"write {tmp_path}/content file",
        "set_inode_field file uid 100000", "set_inode_field file gid 4000000000",
        "set_inode_field file mtime @0x00000064", "set_inode_field file mtime_extra 0x9",  # 2 ns, epoch 1
        "set_inode_field file atime @0xffffffff", "set_inode_field file atime_extra 0",
        "ea_set file user.note hello", f"ea_set file user.large {'v' * 700}",
        "ea_set file security.selinux system_u:object_r:etc_t:s0",
        "ea_set file trusted.secret t",
    )  # fmt: skip
    fs = mounted(path)
    devices = {name: fs.lookup(f"/{name}") for name in ("null", "disk", "pipe")}
    assert [found.kind.value for found in devices.values() if found] == ["c", "b", "p"]
    assert devices["null"].device == (1, 3)  # type: ignore[union-attr]
    assert devices["disk"].device == (259, 3)  # type: ignore[union-attr]
    found = fs.lookup("/file")
    assert found is not None
    assert (found.uid, found.gid) == (100_000, 4_000_000_000)
    assert found.mtime == ((1 << 32) + 100) * 1_000_000_000 + 2
    assert found.atime == -1_000_000_000
    assert fs.xattrs("/file") == {
        "user.note": b"hello",
        "user.large": b"v" * 700,
        "security.selinux": b"system_u:object_r:etc_t:s0",
        "trusted.secret": b"t",
    }
    assert fs.xattrs("/null") == {}
    with pytest.raises(NotAFile, match="not a regular file"):
        fs.open("/pipe")


@pytest.mark.host
def test_named_errors(images: Callable[[str], Path]) -> None:
    fs = mounted(images("ext4"))
    for ask, error in (
        (lambda: fs.open("/nothing"), NoSuchGuestFile),
        (lambda: fs.open("/etc"), NotAFile),
        (lambda: fs.scan("/tiny"), NotADirectory),
        (lambda: fs.read_link("/tiny"), NotAFile),
    ):
        with pytest.raises(error):
            ask()


# -- usage ------------------------------------------------------------------------------------------------


def expected_usage(path: Path) -> Usage:
    """The kernel's ext4_statfs, from what dumpe2fs prints."""
    text = tool("dumpe2fs", "-h", path)

    def fact(name: str) -> int:
        found = re.search(rf"^{name}: +(\d+)", text, re.MULTILINE)
        return int(found[1]) if found else 0

    block, cluster = fact("Block size"), (fact("Cluster size") or fact("Block size"))
    overhead = fact("Overhead clusters") * cluster // block
    free, blocks = fact("Free blocks"), fact("Block count")
    kept = min(blocks * block // cluster // 50, 4096) * cluster // block if " extent " in text else 0
    return Usage(
        (blocks - overhead) * block,
        free * block,
        (free - fact("Reserved block count") - kept) * block,
        fact("Inode count"),
        fact("Free inodes"),
    )


@pytest.mark.host
@pytest.mark.parametrize("kind", KINDS)
def test_usage_is_that_of_the_kernel(images: Callable[[str], Path], kind: str) -> None:
    assert mounted(images(kind)).usage() == expected_usage(images(kind))


@pytest.mark.host
@pytest.mark.parametrize("kind", [kind for kind in KINDS if "bigalloc" not in kind])
def test_overhead_is_counted_where_it_is_not_stored(
    images: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    copy = tmp_path / "copy.img"
    shutil.copy(images(kind), copy)
    patch(copy, 1024 + 584, bytes(4))  # s_overhead_clusters
    assert mounted(copy).usage() == expected_usage(images(kind))


@pytest.mark.host
def test_numbers_of_a_mounted_filesystem(tmp_path: Path) -> None:
    """Seen with statvfs on Linux 6.1 and 6.18 after `mke2fs -t ext4 -I 256 -N 20000` on 512 MiB."""
    path = make_ext(
        tmp_path / "a.img", None, "-t", "ext4", "-I", "256", "-N", "20000", "-O", "ea_inode", size=512 << 20
    )
    assert mounted(path).usage().size == 514_134_016


# -- declining --------------------------------------------------------------------------------------------


def reason(path: Path) -> str:
    found = mount_ext(volume(path))
    assert isinstance(found, Declined)
    assert found.what == "/dev/sda1"
    return found.reason


@pytest.mark.host
def test_a_journal_that_waits_is_declined(tmp_path: Path) -> None:
    path = make_ext(tmp_path / "a.img", None, "-t", "ext4")
    debugfs(path, "feature needs_recovery")
    assert "journal has to be replayed" in reason(path)


@pytest.mark.host
def test_a_filesystem_with_errors_is_declined(tmp_path: Path) -> None:
    path = make_ext(tmp_path / "a.img", None, "-t", "ext4")
    debugfs(path, "ssv state 2")
    assert "marked as having errors" in reason(path)


@pytest.mark.host
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-O", "casefold", "-E", "encoding=utf8"), "casefold"),
        (("-O", "encrypt"), "encrypted files"),
    ],
)
def test_features_that_are_not_read(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    assert words in reason(make_ext(tmp_path / "a.img", None, *options))


@pytest.mark.host
def test_an_unknown_feature_is_named(tmp_path: Path) -> None:
    path = make_ext(tmp_path / "a.img", None, "-t", "ext4")
    patch(path, 1024 + 96 + 3, b"\x80")
    assert "unknown feature 0x80000000" in reason(path)


@pytest.mark.host
def test_a_truncated_volume_is_declined(tmp_path: Path) -> None:
    path = make_ext(tmp_path / "a.img", None, "-t", "ext4")
    os.truncate(path, 20 << 20)
    assert reason(path) == f"the filesystem has {32 << 20} bytes and its volume {20 << 20}"


@pytest.mark.host
@pytest.mark.parametrize(
    "features", ["quota", "verity", "large_dir,ea_inode", "orphan_file,metadata_csum_seed"]
)
def test_features_that_change_nothing_for_a_reader(tree: Path, tmp_path: Path, features: str) -> None:
    fs = mounted(make_ext(tmp_path / "a.img", tree, "-t", "ext4", "-O", features, size=64 << 20))
    with fs.open("/page") as stream:
        assert stream.read() == (tree / "page").read_bytes()


# -- damage -----------------------------------------------------------------------------------------------


@pytest.mark.host
def test_one_damaged_inode_does_not_take_its_folder_with_it(tmp_path: Path, tree: Path) -> None:
    path = make_ext(tmp_path / "a.img", tree, "-t", "ext4", size=64 << 20)
    debugfs(path, "set_inode_field etc/hostname mode 0", "link <5000> etc/beyond")
    found = {entry.name: entry.stat.kind for entry in mounted(path).scan("/etc")}
    assert found["hostname"] is FileKind.UNKNOWN
    assert found["deep"] is FileKind.DIRECTORY
    with pytest.raises(OddGuest, match="has mode 0"):
        mounted(path).open("/etc/hostname")


@pytest.mark.host
def test_a_damaged_directory_is_an_error_not_a_short_list(tmp_path: Path, tree: Path) -> None:
    path = make_ext(tmp_path / "a.img", tree, "-t", "ext4", "-b", "4096", size=64 << 20)
    block = int(tool("debugfs", "-R", "bmap many 1", path).split()[-1])
    patch(path, block * 4096 + 4, b"\x03\0")
    with pytest.raises(OddGuest, match="bad entry") as caught:
        mounted(path).scan("/many")
    assert "e2fsck" in caught.value.hint


@pytest.mark.host
def test_a_bad_extent_tree_is_an_error(tmp_path: Path, tree: Path) -> None:
    path = make_ext(tmp_path / "a.img", tree, "-t", "ext4", size=64 << 20)
    debugfs(path, "set_inode_field page block[0] 0")
    with pytest.raises(OddGuest, match="bad extent tree"), mounted(path).open("/page") as stream:
        stream.read()


def walk(fs: InodeFilesystem) -> None:
    """Ask everything that can be asked, in bounds."""
    todo, asked = ["/"], 0
    fs.usage()
    while todo and asked < 300:
        here = todo.pop()
        try:
            entries = fs.scan(here)
        except ImgtoolsError:
            continue
        for entry in entries[:40]:
            asked += 1
            path = here.rstrip("/") + "/" + entry.name
            try:
                fs.xattrs(path)
                if entry.stat.kind is FileKind.DIRECTORY and path.count("/") < 6:
                    todo.append(path)
                elif entry.stat.kind is FileKind.LINK:
                    fs.read_link(path)
                elif entry.stat.kind is FileKind.FILE:
                    fs.open(path).read(100_000)
            except ImgtoolsError:
                continue


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small filesystem with one of everything."""
    top = tmp_path_factory.mktemp("small")
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "file").write_bytes(b"x" * 20_000)
    (top / "a" / "link").symlink_to("t" * 80)
    path = make_ext(top.parent / "small.img", top, "-t", "ext4", "-b", "1024", "-N", "32", size=1 << 20)
    debugfs(path, "ea_set a/file user.x y", f"ea_set a/file user.l {'v' * 300}")
    return path.read_bytes()


@pytest.mark.host
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.binary(min_size=1, max_size=8)), min_size=1, max_size=30)
)
def test_no_damage_crashes_or_hangs(small: bytes, changes: list[tuple[int, bytes]]) -> None:
    content = bytearray(small)
    for offset, raw in changes:
        place = 1024 + offset
        content[place : place + len(raw)] = raw
    fs = mount_ext(bytes_volume(bytes(content)))
    if isinstance(fs, InodeFilesystem):
        try:
            walk(fs)
        except ImgtoolsError:
            return


# -- cost -------------------------------------------------------------------------------------------------


@pytest.mark.host
def test_reading_one_file_costs_the_same_on_a_large_disk(tmp_path: Path, tree: Path) -> None:
    costs = []
    for size in (64 << 20, 64 << 30):
        path = make_ext(tmp_path / f"{size}.img", tree, "-t", "ext4", "-E", "lazy_itable_init=1", size=size)
        server = FileDisk(path)
        found = mount_ext(DiskFile.whole(server, "/dev/sda1"))
        assert isinstance(found, InodeFilesystem)
        with found.open("/etc/hostname") as stream:
            assert stream.read() == b"guest\n"
        costs.append(server.bytes_read)
        path.unlink()
    assert costs[1] < 2 * costs[0] < 2 << 20


def test_not_ext_at_all(tmp_path: Path) -> None:
    assert reason(blank(tmp_path / "a.img", 1 << 20)) == "no ext superblock"
