"""XFS made by mkfs.xfs read as the kernel would show it; a log that was not closed is declined."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgtools.errors import ImgtoolsError, NoSuchGuestFile, OddGuest
from imgtools.filesystems.acl import acl_from_ext, acl_from_xfs
from imgtools.filesystems.inodes import InodeFilesystem
from imgtools.filesystems.xfs import directory, xattr
from imgtools.filesystems.xfs.inode import FORMAT_EXTENTS, Fork, ForkMap, Geometry, parse_extents, parse_time
from imgtools.filesystems.xfs.log import log_is_clean
from imgtools.filesystems.xfs.reader import XfsReader, mount_xfs, parse_superblock
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile
from tests.support.volumes import BytesDisk, blank, bytes_volume, patch, tool, volume

KINDS = {
    "version 5": (),
    "version 4": ("-m", "crc=0"),
    "without times after 2038": ("-m", "bigtime=0"),
    "blocks of 1 KiB": ("-b", "size=1024"),
    "directory blocks of 16 KiB": ("-n", "size=16384"),
    "inodes of 1 KiB": ("-i", "size=1024"),
    "without a file type in directories": ("-m", "crc=0", "-n", "ftype=0"),
}
MANY = 900


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("content") / "page"
    path.write_bytes(bytes(range(256)) * 300)
    return path


@pytest.fixture(scope="module", params=KINDS)
def image(request: pytest.FixtureRequest, page: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filesystem of each kind with one of everything that a prototype file can name."""
    return make_xfs(tmp_path_factory.mktemp("xfs") / "a.img", page, *KINDS[request.param])


def make_xfs(path: Path, page: Path, *options: str) -> Path:
    many = "\n".join(f"file-{number:04} ---644 0 0 {page}" for number in range(MANY))
    prototype = path.parent / "prototype"
    prototype.write_text(f"""boot 0 0
d--755 0 0
page ---640 1000 70000 {page}
setuid -u-755 0 0 {page}
null c--666 0 0 1 3
disk b--660 0 6 8 17
pipe p--600 0 0
short l--777 0 0 target
long l--777 0 0 {"t" * 900}
empty d--700 5 6
$
many d--755 0 0
{many}
$
$
""")
    blank(path, 320 << 20)
    tool("mkfs.xfs", "-q", "-f", *options, "-p", prototype, path)
    if "crc=0" not in options:
        _add_link_header(path)
    return path


def _add_link_header(path: Path) -> None:
    """mkfs.xfs 6.1 forgets the header of a long link (xfs_dsymlink_hdr), which Linux wants; 6.13 writes it."""
    with path.open("r+b") as stream:
        head = stream.read(1 << 20)
        place = head.index(b"t" * 900)
        if head[place - 56 : place - 52] == b"XSLM":
            return
        stream.seek(place)
        stream.write(b"XSLM" + struct.pack(">II", 0, 900) + bytes(44) + b"t" * 900)


def log_place(path: Path) -> int:
    with path.open("rb") as stream:
        found = parse_superblock(stream.read(512))
    assert not isinstance(found, str)
    return found.geometry.block_at(found.log_start) * found.geometry.block_size


def mounted(path: Path) -> InodeFilesystem:
    found = mount_xfs(volume(path))
    assert isinstance(found, InodeFilesystem), found
    return found


@pytest.mark.host
def test_files_and_facts(image: Path, page: Path) -> None:
    fs = mounted(image)
    names = {"page", "setuid", "null", "disk", "pipe", "short", "long", "empty", "many"}
    entries = {entry.name: entry.stat for entry in fs.scan("/")}
    assert set(entries) == names
    with fs.open("/page") as stream:
        assert stream.read() == page.read_bytes()
    found = entries["page"]
    assert (found.kind, found.size, found.mode) == (FileKind.FILE, 76_800, 0o640)
    assert (found.uid, found.gid, found.links) == (1000, 70000, 1)
    assert entries["setuid"].mode == 0o4755
    assert (entries["null"].kind, entries["null"].device) == (FileKind.CHARACTER, (1, 3))
    assert (entries["disk"].kind, entries["disk"].device) == (FileKind.BLOCK, (8, 17))
    assert entries["pipe"].kind is FileKind.FIFO
    assert entries["empty"].mode == 0o700
    assert fs.scan("/empty") == []
    assert abs(found.mtime / 1e9 - image.stat().st_mtime) < 600


@pytest.mark.host
def test_links_and_large_directories(image: Path) -> None:
    fs = mounted(image)
    assert fs.read_link("/short") == "target"
    assert fs.read_link("/long") == "t" * 900
    assert {entry.name for entry in fs.scan("/many")} == {f"file-{number:04}" for number in range(MANY)}
    with fs.open(f"/many/file-{MANY - 1:04}") as stream:
        assert len(stream.read()) == 76_800
    assert fs.lookup("/many/file-9999") is None
    with pytest.raises(NoSuchGuestFile):
        fs.open("/nothing")


@pytest.mark.host
def test_a_freshly_made_filesystem_has_the_numbers_of_the_kernel(tmp_path: Path) -> None:
    """Seen with statvfs on Linux 6.1 and 6.18, mounted read-only."""
    blank(tmp_path / "a.img", 512 << 20)
    tool("mkfs.xfs", "-q", "-m", "reflink=1,rmapbt=0", tmp_path / "a.img")
    found = mounted(tmp_path / "a.img").usage()
    raw = (tmp_path / "a.img").open("rb").read(512)
    free_blocks = int.from_bytes(raw[144:152], "big")
    assert found == Usage(
        469_762_048, (free_blocks - 4 * 8) * 4096, (free_blocks - 4 * 8) * 4096, 262_144, 262_141
    )


# -- declining --------------------------------------------------------------------------------------------


def reason(path: Path) -> str:
    found = mount_xfs(volume(path))
    assert isinstance(found, Declined)
    return found.reason


@pytest.mark.host
def test_a_log_without_its_unmount_record_is_declined(tmp_path: Path, page: Path) -> None:
    path = make_xfs(tmp_path / "a.img", page)
    record = log_place(path)
    with path.open("rb") as stream:
        stream.seek(record)
        log = stream.read(1024)
    assert log[:4] == b"\xfe\xed\xba\xbe" and log[512 + 9] == 0x20
    patch(path, record + 512 + 9, b"\0")
    assert "log has to be replayed" in reason(path)


@pytest.mark.host
@pytest.mark.parametrize(
    ("offset", "content", "words"),
    [
        (219, b"\x10", "needing repair"),
        (216, b"\x40", "unknown features 0x4"),
        (101, b"\xb3", "version 3 is too old"),
        (4, b"\0\0\0\1", "contradicts itself"),
        (48, bytes(8), "log on another device"),
        (0, b"BSFX", "no XFS superblock"),
    ],
)
def test_what_is_not_known_is_declined(tmp_path: Path, offset: int, content: bytes, words: str) -> None:
    path = blank(tmp_path / "a.img", 320 << 20)
    tool("mkfs.xfs", "-q", path)
    patch(path, offset, content)
    assert words in reason(path)


@pytest.mark.host
def test_a_truncated_volume_is_declined(tmp_path: Path) -> None:
    path = blank(tmp_path / "a.img", 320 << 20)
    tool("mkfs.xfs", "-q", path)
    with path.open("r+b") as stream:
        stream.truncate(100 << 20)
    assert "its volume 104857600" in reason(path)


# -- the log ----------------------------------------------------------------------------------------------


def make_log(blocks: int, head: int, cycle: int, *, unmount: bool = True) -> bytes:
    """A log whose last record, of one header and one block, ends at ``head`` in round ``cycle``."""
    log = bytearray()
    for number in range(blocks):
        log += struct.pack(">I", cycle if number < head else cycle - 1) + bytes(508)
    start = (head - 2) % blocks
    round_of = cycle if head >= 2 else cycle - 1
    header = struct.pack(">IIII", 0xFEEDBABE, round_of, 2, 512) + bytes(24) + struct.pack(">I", 1)
    header += bytes(320 - len(header)) + struct.pack(">I", 32768)
    log[start * 512 : start * 512 + len(header)] = header
    log[(start + 1) % blocks * 512 + 9] = 0x20 if unmount else 0x01
    return bytes(log)


@given(st.integers(2, 62), st.integers(2, 9), st.booleans())
def test_a_clean_log_ends_with_an_unmount_record(head: int, cycle: int, unmount: bool) -> None:
    log = make_log(64, head, cycle, unmount=unmount)
    assert log_is_clean(lambda block: log[block * 512 : block * 512 + 512], 64) is unmount


def test_a_log_that_was_never_written_is_clean() -> None:
    assert log_is_clean(lambda _block: bytes(512), 64)


@given(st.binary(min_size=1, max_size=4096))
def test_a_log_of_rubbish_gets_an_answer(raw: bytes) -> None:
    log = (raw * (64 * 512 // len(raw) + 1))[: 64 * 512]
    assert log_is_clean(lambda block: log[block * 512 : block * 512 + 512], 64) in (True, False)


# -- small structures -------------------------------------------------------------------------------------


def test_extents_unpack() -> None:
    packed = (1 << 127) | (5 << 73) | (1000 << 21) | 7
    assert parse_extents(packed.to_bytes(16, "big"), 1) == [(5, 7, None)]
    packed &= ~(1 << 127)
    assert parse_extents(packed.to_bytes(16, "big"), 1) == [(5, 7, 1000)]


def test_times_before_1970_and_after_2038() -> None:
    assert parse_time((0xFFFFFFFF << 32) | 5, False) == -1_000_000_000 + 5
    assert parse_time((1 << 31) * 10**9 + 7, True) == 7
    assert parse_time((1 << 33) * 10**9, True) == ((1 << 33) - (1 << 31)) * 10**9


def test_short_attributes() -> None:
    raw = struct.pack(">HBB", 0, 3, 0)
    for name, flags, value in ((b"x", 0, b"1"), (b"selinux", 4, b"label"), (b"t", 2, b"")):
        raw += bytes([len(name), len(value), flags]) + name + value
    found = {one.full_name: one.value for one in xattr.parse_short(raw)}
    assert found == {"user.x": b"1", "security.selinux": b"label", "trusted.t": b""}
    with pytest.raises(xattr.BadAttributes):
        list(xattr.parse_short(raw[:-3]))


def test_a_loop_of_attribute_leaves_ends() -> None:
    leaf = struct.pack(">IIHH", 1, 0, 0xFBEE, 0) + bytes(4084)
    with pytest.raises(xattr.BadAttributes, match="loop"):
        list(xattr.parse_tree(lambda _number: leaf))


@given(st.binary(max_size=600))
def test_rubbish_for_attributes_and_directories_is_a_named_error(raw: bytes) -> None:
    for parse, error in (
        (lambda: list(xattr.parse_short(raw)), xattr.BadAttributes),
        (lambda: list(directory.parse_short(raw, has_ftype=True)), directory.BadDirectory),
        (lambda: list(directory.parse_block(b"XDD3" + raw, has_ftype=True)), directory.BadDirectory),
        (lambda: list(directory.parse_block(b"XDB3" + raw, has_ftype=True)), directory.BadDirectory),
    ):
        try:
            parse()
        except error:
            continue


def test_access_control_lists_become_those_of_getxattr() -> None:
    """Seen with getfattr for `setfacl -m u:1000:rwx` on ext4 and XFS."""
    expected = bytes.fromhex(
        "02000000 01000700ffffffff 02000700e8030000 04000500ffffffff 10000700ffffffff 20000500ffffffff"
    )
    ext = bytes.fromhex("01000000 01000700 02000700e8030000 04000500 10000700 20000500")
    entries = [(1, 0, 7), (2, 1000, 7), (4, 0, 5), (16, 0, 7), (32, 0, 5)]
    xfs = struct.pack(">I", 5) + b"".join(
        struct.pack(">IIHH", tag, owner, bits, 0) for tag, owner, bits in entries
    )
    assert acl_from_ext(ext) == expected
    assert acl_from_xfs(xfs) == expected


# -- damage -----------------------------------------------------------------------------------------------


class Patched(BytesDisk):
    """A disk with other bytes in some places, without a copy of it all."""

    def __init__(self, path: Path, changes: dict[int, bytes]) -> None:
        self.path, self.changes, self.size = path, changes, path.stat().st_size

    def read(self, offset: int, length: int) -> bytes:
        with self.path.open("rb") as stream:
            stream.seek(offset)
            raw = bytearray(stream.read(length))
        for place, content in self.changes.items():
            if offset <= place and place + len(content) <= offset + len(raw):
                raw[place - offset : place - offset + len(content)] = content
        return bytes(raw)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, page: Path) -> Path:
    return make_xfs(tmp_path_factory.mktemp("plain") / "a.img", page)


@pytest.mark.host
@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 40_000) | st.integers(100, 300).map(lambda n: 512 * n),
        st.binary(min_size=1, max_size=8),
        max_size=30,
    )
)
def test_no_damage_crashes_or_hangs(plain: Path, changes: dict[int, bytes]) -> None:
    try:
        fs = mount_xfs(DiskFile.whole(Patched(plain, changes), "/dev/sda1"))
        if isinstance(fs, Declined):
            return
        fs.usage()
        for entry in fs.scan("/")[:20]:
            fs.xattrs(f"/{entry.name}")
            if entry.stat.kind is FileKind.FILE:
                fs.open(f"/{entry.name}").read(200_000)
            elif entry.stat.kind is FileKind.LINK:
                fs.read_link(f"/{entry.name}")
            elif entry.stat.kind is FileKind.DIRECTORY:
                fs.scan(f"/{entry.name}")
    except ImgtoolsError:
        return


GEOMETRY = Geometry(
    block_size=4096, group_blocks=100, group_shift=7, groups=2, inode_size=512, inodes_shift=3, blocks=150,
    directory_block=4096, v5=True, has_ftype=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("number", "count", "holds"),
    [
        (99, 1, True), (99, 2, False), (100, 1, False), (0, 0, False), (0, 100, True),
        (1 << 7 | 49, 1, True), (1 << 7 | 49, 2, False), (1 << 7 | 50, 1, False), (2 << 7, 1, False),
    ],
)  # fmt: skip
def test_which_blocks_there_are(number: int, count: int, holds: bool) -> None:
    """Two groups of 100 blocks, of which the second has only 50."""
    assert GEOMETRY.holds_block(number, count) is holds
    assert GEOMETRY.holds_inode(number << 3 | 7) is GEOMETRY.holds_block(number)


def packed(first: int, start: int, count: int) -> bytes:
    return (first << 73 | start << 21 | count).to_bytes(16, "big")


@pytest.mark.parametrize(
    "extents",
    [
        packed(0, 10, 0),
        packed(0, 10, 2) + packed(1, 20, 1),
        packed(1, 10, 1) + packed(0, 20, 1),
        packed(0, 99, 2),
    ],
)
def test_extents_that_cannot_be_are_damage(extents: bytes) -> None:
    with pytest.raises(OddGuest, match="inode 9 has an extent that cannot be"):
        ForkMap(bytes_volume(b""), GEOMETRY, 9, Fork(FORMAT_EXTENTS, len(extents) // 16, extents))


def test_unwritten_blocks_are_looked_into_where_linux_does() -> None:
    fork = Fork(FORMAT_EXTENTS, 1, (1 << 127 | 10 << 21 | 1).to_bytes(16, "big"))
    assert ForkMap(bytes_volume(b""), GEOMETRY, 9, fork).find(0) == (None, 1)
    assert ForkMap(bytes_volume(b""), GEOMETRY, 9, fork, unwritten=True).find(0) == (10, 1)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (bytes(4096), "a block of kind"),
        (b"XDD3" + bytes(60) + b"\xff\xff\x0f\xb8" + bytes(4028), "an entry at 4088 is cut"),
    ],
)
def test_a_directory_block_is_a_list_to_its_end(block: bytes, words: str) -> None:
    with pytest.raises(directory.BadDirectory, match=words):
        list(directory.parse_block(block, has_ftype=True))


def test_a_short_directory_is_as_long_as_its_entries() -> None:
    raw = bytes([1, 0]) + bytes(4) + bytes([1, 0, 0]) + b"a" + bytes([1]) + struct.pack(">I", 131)
    assert list(directory.parse_short(raw, has_ftype=True)) == [(b"a", 131)]
    for other in (raw + b"\0", raw[:-1], bytes([2]) + raw[1:]):
        with pytest.raises(directory.BadDirectory):
            list(directory.parse_short(other, has_ftype=True))


@pytest.mark.host
def test_a_root_that_is_a_file_is_not_mounted(plain: Path) -> None:
    page = mounted(plain).lookup("/page")
    assert page is not None
    found = mount_xfs(DiskFile.whole(Patched(plain, {56: struct.pack(">Q", page.inode)}), "/dev/sda1"))
    assert found == Declined("/dev/sda1", "damaged: its root is a file, not a directory", damaged=True)


@pytest.mark.host
@pytest.mark.parametrize("lost", ["first", "second"])
def test_a_directory_without_one_of_its_blocks(plain: Path, lost: str) -> None:
    """Where names were removed there may be a hole, but the first block is always there."""
    fs = mounted(plain)
    reader = cast(XfsReader, fs._reader)
    inode = reader._inode(reader.names(reader.root)["many"])
    blocks = ForkMap(reader._disk, reader._geometry, inode.number, inode.data)
    kept = [number for number in range(inode.stat.size // 4096) if (number == 0) is not (lost == "first")]
    extents = b"".join(
        packed(number, _number(reader, place), 1)
        for number in kept
        if (place := blocks.find(number)[0]) is not None
    )
    holed = replace(inode, data=Fork(FORMAT_EXTENTS, len(extents) // 16, extents))
    if lost == "first":
        with pytest.raises(directory.BadDirectory, match="first of them is not there"):
            list(reader._entries(holed))
    else:
        assert 2 < len(list(reader._entries(holed))) < MANY


def _number(reader: XfsReader, place: int) -> int:
    """The filesystem's own number of a block of the volume."""
    group, inner = divmod(place, reader._geometry.group_blocks)
    return group << reader._geometry.group_shift | inner


def test_an_unused_stretch_of_eight_bytes_ends_a_block() -> None:
    """The shortest that there is; a real directory of some hundred entries has one (xfs_dir2_data_unused)."""
    entry = (131).to_bytes(8, "big") + b"\x04name" + b"\x01" + (64).to_bytes(2, "big")
    unused = b"\xff\xff" + (4096 - 64 - 16 - 8).to_bytes(2, "big")
    last = b"\xff\xff\x00\x08\x00\x00" + (4088).to_bytes(2, "big")
    block = (b"XDD3" + bytes(60) + entry + unused).ljust(4088, b"\0") + last
    assert list(directory.parse_block(block, has_ftype=True)) == [(b"name", 131)]
