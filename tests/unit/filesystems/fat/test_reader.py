"""FAT12, FAT16 and FAT32 filled by mtools read as Linux' vfat shows them (seen with the kernel of Debian 12)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgtools.errors import ImgtoolsError, OddGuest
from imgtools.files.tree import GuestTree
from imgtools.filesystems.fat import directory
from imgtools.filesystems.fat.directory import parse_directory, parse_time, short_checksum
from imgtools.filesystems.fat.reader import ChainMap, FatReader, mount_fat
from imgtools.filesystems.inodes import InodeFilesystem
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind
from imgtools.records.request import Engine
from imgtools.volumes.fat_boot_sector import parse_boot_sector
from tests.support.volumes import blank, bytes_volume, patch, tool, volume

SIZES = {12: 4 << 20, 16: 64 << 20, 32: 300 << 20}
BIG = os.urandom(200_000)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("tree")
    (top / "EFI" / "BOOT").mkdir(parents=True)
    (top / "EFI" / "BOOT" / "BOOTX64.EFI").write_bytes(BIG)
    (top / "Long Directory Name").mkdir()
    (top / "Long Directory Name" / "a file with a long name.txt").write_text("long\n")
    (top / "ünïcödé 日本.txt").write_text("wide\n")
    (top / "lower.txt").write_text("lower\n")
    (top / "empty").touch()
    (top / "many").mkdir()
    for number in range(200):
        (top / "many" / f"file{number}.dat").write_text(str(number))
    stamp = 1_234_567_890  # 2009-02-13 23:31:30 UTC, an even second
    os.utime(top / "lower.txt", (stamp, stamp))
    return top


@pytest.fixture(scope="module", params=[12, 16, 32])
def image(request: pytest.FixtureRequest, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = blank(tmp_path_factory.mktemp("fat") / f"{request.param}.img", SIZES[request.param])
    tool("mkfs.fat", "-F", request.param, "-n", "LABEL", path)
    tool("mcopy", "-s", "-m", "-i", path, *sorted(tree.iterdir()), "::")
    tool("mdel", "-i", path, "::many/file7.dat")
    tool("mattrib", "-i", path, "+r", "::lower.txt")
    return path


def mounted(path: Path) -> InodeFilesystem:
    found = mount_fat(volume(path))
    assert isinstance(found, InodeFilesystem), found
    return found


@pytest.mark.host
def test_names_and_contents(image: Path) -> None:
    fs = mounted(image)
    names = {"EFI", "Long Directory Name", "ünïcödé 日本.txt", "lower.txt", "empty", "many"}
    assert {entry.name for entry in fs.scan("/")} == names
    assert {entry.name for entry in fs.scan("/many")} == {f"file{n}.dat" for n in range(200) if n != 7}
    with fs.open("/EFI/BOOT/BOOTX64.EFI") as stream:
        assert stream.read() == BIG
        stream.seek(150_001)
        assert stream.read(9) == BIG[150_001:150_010]
    with fs.open("/empty") as stream:
        assert stream.read() == b""


@pytest.mark.host
def test_letter_case_does_not_matter(image: Path) -> None:
    fs = mounted(image)
    assert fs.ignores_case
    with fs.open("/long directory NAME/A FILE with a long name.TXT") as stream:
        assert stream.read() == b"long\n"
    assert fs.lookup("/efi/boot/nothing") is None


@pytest.mark.host
def test_facts_are_those_of_linux(image: Path) -> None:
    fs = mounted(image)
    root, boot, lower = fs.lookup("/"), fs.lookup("/EFI"), fs.lookup("/lower.txt")
    assert root is not None and boot is not None and lower is not None
    assert (root.kind, root.mode, root.links) == (FileKind.DIRECTORY, 0o755, 5)
    assert (boot.mode, boot.links, boot.uid) == (0o755, 3, 0)
    assert (lower.kind, lower.size, lower.mode) == (FileKind.FILE, 6, 0o555)
    assert lower.mtime == lower.ctime == 1_234_567_890 * 10**9


@pytest.mark.host
def test_usage_counts_the_table(image: Path, tree: Path) -> None:
    found = mounted(image).usage()
    raw = image.open("rb").read(512)
    cluster = struct.unpack_from("<H", raw, 11)[0] * raw[13]
    files = [path.stat().st_size for path in tree.rglob("*") if path.is_file() and path.name != "file7.dat"]
    used = sum(-(-size // cluster) for size in files)
    # Directories: EFI, BOOT, "Long Directory Name" of one cluster, "many" of some, and the root on FAT32.
    fs = mounted(image)
    folders = ["/EFI", "/EFI/BOOT", "/Long Directory Name", "/many"] + ["/"] * (b"FAT32" in raw)
    used += sum((fs.lookup(path).size) // cluster for path in folders)  # type: ignore[union-attr]
    assert found.used == used * cluster
    assert found.available == found.free
    assert (found.inodes, found.inodes_free) == (0, 0)


# -- damage -----------------------------------------------------------------------------------------------


@pytest.mark.host
def test_a_loop_of_clusters_is_an_error(tmp_path: Path) -> None:
    path = blank(tmp_path / "a.img", 64 << 20)
    tool("mkfs.fat", "-F", 16, path)
    (tmp_path / "file").write_bytes(bytes(100_000))
    tool("mcopy", "-i", path, tmp_path / "file", "::")
    start = struct.unpack_from("<H", path.open("rb").read(512), 14)[0] * 512
    patch(path, start + 2 * 3, struct.pack("<HH", 4, 3))  # 3 -> 4 -> 3
    with pytest.raises(OddGuest, match="loop"), mounted(path).open("/file") as stream:
        while stream.read(1 << 20):
            pass
        reader = mounted(path)._reader
        assert isinstance(reader, FatReader)
        ChainMap(reader, 3).length()


@pytest.mark.host
def test_a_chain_that_is_too_short_is_an_error(tmp_path: Path) -> None:
    path = blank(tmp_path / "a.img", 64 << 20)
    tool("mkfs.fat", "-F", 16, path)
    (tmp_path / "file").write_bytes(bytes(100_000))
    tool("mcopy", "-i", path, tmp_path / "file", "::")
    start = struct.unpack_from("<H", path.open("rb").read(512), 14)[0] * 512
    patch(path, start + 2 * 5, b"\xff\xff")
    with pytest.raises(OddGuest, match="before the file ends"), mounted(path).open("/file") as stream:
        stream.read()


@pytest.mark.host
def test_a_truncated_volume_is_declined(tmp_path: Path) -> None:
    path = blank(tmp_path / "a.img", 64 << 20)
    tool("mkfs.fat", "-F", 16, path)
    os.truncate(path, 10 << 20)
    found = mount_fat(volume(path))
    assert isinstance(found, Declined)
    assert "its volume 10485760" in found.reason


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = blank(tmp_path_factory.mktemp("small") / "a.img", 1440 << 10)
    tool("mkfs.fat", "-F", 12, path)
    tool("mmd", "-i", path, "::a directory with a long name")
    (path.parent / "file").write_bytes(bytes(5000))
    tool("mcopy", "-i", path, path.parent / "file", "::a directory with a long name/long file name")
    return path.read_bytes()


@pytest.mark.host
@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.integers(0, 20_000), st.binary(min_size=1, max_size=6), max_size=20))
def test_no_damage_crashes_or_hangs(small: bytes, changes: dict[int, bytes]) -> None:
    content = bytearray(small)
    for offset, raw in changes.items():
        content[offset : offset + len(raw)] = raw
    fs = mount_fat(bytes_volume(bytes(content)))
    if isinstance(fs, Declined):
        return
    todo = ["/"]
    fs.usage()
    for _ in range(30):
        if not todo:
            return
        here = todo.pop()
        try:
            for entry in fs.scan(here)[:20]:
                path = here.rstrip("/") + "/" + entry.name
                if entry.stat.kind is FileKind.DIRECTORY:
                    todo.append(path)
                elif entry.stat.kind is FileKind.FILE:
                    fs.open(path).read(100_000)
        except ImgtoolsError:
            continue


# -- small structures -------------------------------------------------------------------------------------


def short(name: bytes, attributes: int = 0x20, lower: int = 0) -> bytes:
    return name + bytes([attributes, lower]) + bytes(19)


def long_parts(name: str, checksum: int) -> Iterator[bytes]:
    """The entries of a long name, in the order of the disk."""
    raw = name.encode("utf-16-le")
    if len(raw) % 26:
        raw += b"\0\0"
        raw += b"\xff" * (-len(raw) % 26)
    parts = [raw[start : start + 26] for start in range(0, len(raw), 26)]
    for number in range(len(parts), 0, -1):
        part, order = parts[number - 1], number | (0x40 if number == len(parts) else 0)
        yield bytes([order]) + part[:10] + bytes([0x0F, 0, checksum]) + part[10:22] + bytes(2) + part[22:]


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=100)
)
def test_any_long_name_is_read(name: str) -> None:
    alias = b"ALIAS~1 TXT"
    raw = b"".join(long_parts(name, short_checksum(alias))) + short(alias)
    if len(name.encode("utf-16-le")) <= 510:
        assert [entry.name for entry in parse_directory(raw)] == [name]


def test_a_long_name_of_another_entry_is_not_used() -> None:
    raw = b"".join(long_parts("left over", 0x55)) + short(b"README  TXT")
    assert [entry.name for entry in parse_directory(raw)] == ["README.TXT"]


def test_short_names() -> None:
    entries = [
        short(b"README  TXT", lower=directory.LOWER_BASE | directory.LOWER_EXTENSION),
        short(b"NOEXT      "),
        short(b"\x05BC     D  "),
        short(b"CAF\x82    TXT"),
        short(b"VOLUME     ", attributes=directory.LABEL),
        short(b"\xe5ELETED TXT"),
        short(b".          ", attributes=0x10),
    ]
    names = [entry.name for entry in parse_directory(b"".join(entries) + bytes(32) + short(b"BEYOND  END"))]
    assert names == ["readme.txt", "NOEXT", "σBC.D", "CAFé.TXT"]


def test_times() -> None:
    assert parse_time(29 << 9 | 2 << 5 | 13, 23 << 11 | 31 << 5 | 15) == 1_234_567_890 * 10**9
    assert parse_time(0, 0) == 315_532_800 * 10**9  # 1980, as Linux shows a date that is not there


@given(st.binary(min_size=512, max_size=512))
def test_a_boot_sector_of_rubbish_gets_an_answer(raw: bytes) -> None:
    parse_boot_sector(raw)


# -- directories that are damaged --------------------------------------------------------------------------


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """FAT32 with one directory, whose cluster is the first behind the root's."""
    path = blank(tmp_path / "a.img", SIZES[32])
    tool("mkfs.fat", "-F", 32, path)
    tool("mmd", "-i", path, "::folder")
    return path


@pytest.mark.host
@pytest.mark.parametrize("cluster", [0, 1, 1 << 27])
def test_a_root_that_is_nowhere_is_not_mounted(disc: Path, cluster: int) -> None:
    patch(disc, 44, struct.pack("<I", cluster))
    found = mount_fat(volume(disc))
    assert isinstance(found, Declined) and found.damaged
    assert "its root directory cannot be read" in found.reason


@pytest.mark.host
@pytest.mark.parametrize(
    ("following", "words"), [(0, "leads to cluster 0"), (3, "is a loop"), (1 << 27, "leads to cluster")]
)
def test_a_directory_whose_chain_is_damaged_is_an_error(disc: Path, following: int, words: str) -> None:
    table = struct.unpack_from("<H", disc.open("rb").read(512), 14)[0] * 512
    patch(disc, table + 4 * 3, struct.pack("<I", following))
    fs = mounted(disc)
    assert [(entry.name, entry.stat.kind) for entry in fs.scan("/")] == [("folder", FileKind.UNKNOWN)]
    reader = fs._reader
    with pytest.raises(OddGuest, match=words):
        reader.names(reader.names(reader.root)["folder"])


def test_only_the_names_of_one_and_two_dots_are_left_out() -> None:
    entries = [b".          ", b"..         ", b"..A        ", b". B        "]
    raw = b"".join(name + b"\x20" + bytes(20) for name in entries)
    assert [entry.name for entry in parse_directory(raw)] == ["..A", ". B"]


@pytest.mark.host
def test_a_listing_of_many_folders_reads_each_of_them_once(tmp_path: Path) -> None:
    path = blank(tmp_path / "a.img", 8 << 20)
    tool("mkfs.fat", "-F", 12, "-s", 4, path)
    folders = [f"folder{number}" for number in range(60)]
    tool("mmd", "-i", path, *(f"::{name}" for name in folders))
    for name in folders:
        (tmp_path / name).touch()
    tool("mcopy", "-i", path, *(tmp_path / name for name in folders), "::folder0")
    fs = mounted(path)
    tree, reader = GuestTree({"/": fs}, Engine.DIRECT), cast(FatReader, fs._reader)
    asked: list[int] = []
    read = reader._read_folder
    reader._read_folder = lambda inode: asked.append(inode) or read(inode)  # type: ignore
    for found in tree.walk("/"):
        assert tree.stat(found.path.swapcase()) == found.stat
    assert len(asked) == len(set(asked)) == 60, "the root was read when it was mounted"
