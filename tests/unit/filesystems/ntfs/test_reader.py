"""NTFS made by mkntfs and filled through ntfs-3g is read as ntfs-3g shows it."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.errors import NotAFile, OddGuest
from imgtools.files.tree import GuestTree
from imgtools.filesystems.holes import data_parts
from imgtools.filesystems.inodes import InodeFilesystem
from imgtools.filesystems.ntfs import reparse
from imgtools.filesystems.ntfs.index import BadIndex, decode_name, parse_block, parse_root
from imgtools.filesystems.ntfs.reader import mount_ntfs
from imgtools.filesystems.ntfs.record import (
    apply_fixups,
    listed_records,
    log_is_clean,
    parse_record,
    parse_runs,
)
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind, FileStat
from imgtools.records.request import Engine
from tests.support.mounts import fuse_mounted
from tests.support.volumes import blank, bytes_volume, patch, tool, volume

NOISE = os.urandom(300_000)
COMPRESSED = b"compress me please " * 30_000
FRAGMENTS = b"".join(bytes([number % 256]) * 4096 for number in range(120))
TIME = 1_234_567_890_123_456_700


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """The volume mounted for writing by ntfs-3g while the block runs."""
    place = path.with_suffix(".mount")
    place.mkdir()
    options = "no_detach,compression,streams_interface=xattr,silent"
    with fuse_mounted(place, "ntfs-3g", "-o", options, path, place):
        yield place
    place.rmdir()


def set_reparse(path: Path, tag: int, body: bytes) -> None:
    os.setxattr(path, "system.ntfs_reparse_data", struct.pack("<IHH", tag, len(body), 0) + body)


def names(substitute: str, flags: int | None) -> bytes:
    """The body of a junction (without flags) or a symbolic link."""
    raw = substitute.encode("utf-16-le")
    body = struct.pack("<HHHH", 0, len(raw), len(raw) + 2, 0)
    return body + (b"" if flags is None else struct.pack("<I", flags)) + raw + bytes(4)


def compact(path: Path, content: bytes) -> None:
    """A file as Windows' CompactOS keeps it (XPRESS4K), with chunks that were not worth compressing."""
    with path.open("wb") as stream:
        stream.truncate(len(content))
    ends = range(4096, len(content), 4096)
    os.setxattr(path, "user.WofCompressedData", b"".join(struct.pack("<I", end) for end in ends) + content)
    set_reparse(path, reparse.WOF, struct.pack("<IIII", 1, 2, 1, 0))


def fill(top: Path) -> None:
    (top / "Windows" / "System32" / "config").mkdir(parents=True)
    (top / "Users" / "Bob").mkdir(parents=True)
    (top / "Windows" / "System32" / "config" / "SYSTEM").write_bytes(b"regf" * 5000)
    (top / "small").write_bytes(b"resident\n")
    os.utime(top / "small", ns=(TIME, TIME))
    (top / "empty").touch()
    (top / "Users" / "Bob" / "ünïcödé 日本 😀.txt").write_text("wide")
    os.link(top / "small", top / "hard")
    with (top / "sparse").open("wb") as stream:
        stream.seek(5 << 20)
        stream.write(b"in the middle")
        stream.truncate(9 << 20)
    (top / "packed").mkdir()
    os.setxattr(top / "packed", "system.ntfs_attrib", struct.pack("<I", 0x810))
    (top / "packed" / "text").write_bytes(COMPRESSED)
    (top / "packed" / "mixed").write_bytes(NOISE + bytes(300_000))
    compact(top / "compact", NOISE[:10_000])
    with (top / "pieces").open("wb", 0) as one, (top / "other").open("wb", 0) as two:
        for start in range(0, len(FRAGMENTS), 4096):
            one.write(FRAGMENTS[start : start + 4096])
            two.write(b"-" * 4096)
    (top / "many").mkdir()
    for number in range(400):
        (top / "many" / f"file{number}").write_text(str(number))
    os.setxattr(top / "small", "user.stream", b"alternate")
    (top / "hidden").write_text("h")
    os.setxattr(top / "hidden", "system.ntfs_attrib", struct.pack("<I", 0x6))
    (top / "unix link").symlink_to("Windows/System32")
    os.mkfifo(top / "pipe")
    for path, tag, body in (
        ("Documents and Settings", reparse.MOUNT_POINT, names("\\??\\C:\\users", None)),
        ("other drive", reparse.MOUNT_POINT, names("\\??\\d:\\Nowhere\\at all", None)),
        ("volume", reparse.MOUNT_POINT, names("\\??\\Volume{12345678-1234}\\", None)),
        ("relative", reparse.SYMLINK, names("windows\\SYSTEM32", 1)),
        ("rooted", reparse.SYMLINK, names("\\windows", 1)),
        ("Users/Bob/up", reparse.SYMLINK, names("..\\..\\SMALL", 1)),
        ("linux", reparse.LX_SYMLINK, struct.pack("<I", 2) + b"target/in linux"),
        ("cloud", 0x9000601A, b"x" * 20),
    ):
        (top / path).mkdir()
        set_reparse(top / path, tag, body)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = blank(tmp_path_factory.mktemp("ntfs") / "a.img", 48 << 20)
    tool("mkntfs", "-q", "-F", "-Q", "-c", "4096", "-L", "Data", path)
    with written(path) as top:
        fill(top)
    return path


def mounted(path: Path) -> InodeFilesystem:
    found = mount_ntfs(volume(path))
    assert isinstance(found, InodeFilesystem), found
    return found


@pytest.fixture
def fs(image: Path) -> InodeFilesystem:
    return mounted(image)


def stat(fs: InodeFilesystem, path: str) -> FileStat:
    found = fs.lookup(path)
    assert found is not None, path
    return found


CONTENTS = {
    "/small": b"resident\n",
    "/empty": b"",
    "/Windows/System32/config/SYSTEM": b"regf" * 5000,
    "/packed/text": COMPRESSED,
    "/packed/mixed": NOISE + bytes(300_000),
    "/pieces": FRAGMENTS,
    "/compact": NOISE[:10_000],
    "/users/BOB/ünïcödé 日本 😀.TXT": b"wide",
}


# By path alone: a test's name must not hold random bytes, or two processes collect different tests.
@pytest.mark.host
@pytest.mark.parametrize("path", CONTENTS)
def test_contents(fs: InodeFilesystem, path: str) -> None:
    content = CONTENTS[path]
    with fs.open(path) as stream:
        assert stream.read() == content
        stream.seek(len(content) // 2)
        assert stream.read(100) == content[len(content) // 2 :][:100]


@pytest.mark.host
def test_a_sparse_file(fs: InodeFilesystem) -> None:
    assert stat(fs, "/sparse").size == 9 << 20
    with fs.open("/sparse") as stream:
        stream.seek((5 << 20) - 1)
        assert stream.read(15) == b"\0in the middle\0"


@pytest.mark.host
def test_metadata_files_are_hidden(fs: InodeFilesystem) -> None:
    assert not any(entry.name.startswith("$") for entry in fs.scan("/"))
    assert {entry.name for entry in fs.scan("/many")} == {f"file{number}" for number in range(400)}


@pytest.mark.host
def test_facts_are_those_of_ntfs_3g(fs: InodeFilesystem) -> None:
    assert fs.ignores_case
    small = stat(fs, "/SMALL")
    assert (small.kind, small.size, small.mode, small.links, small.uid) == (FileKind.FILE, 9, 0o777, 2, 0)
    assert small.mtime == TIME
    assert small == stat(fs, "/hard")
    assert stat(fs, "/hidden").kind is FileKind.FILE
    assert stat(fs, "/pipe").kind is FileKind.FIFO
    assert stat(fs, "/many").kind is FileKind.DIRECTORY
    assert fs.lookup("/nothing") is None
    assert fs.xattrs("/small") == {"user.stream": b"alternate"}


@pytest.mark.host
@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/Documents and Settings", "/Users"),
        ("/other drive", "/.NTFS-3G/D:/Nowhere/at all"),
        ("/volume", "/.NTFS-3G/Volume{12345678-1234}"),
        ("/relative", "Windows/System32"),
        ("/rooted", "/Windows"),
        ("/Users/Bob/up", "../../small"),
        ("/linux", "target/in linux"),
        ("/cloud", "unsupported reparse tag 0x9000601a"),
        ("/unix link", "Windows/System32"),
    ],
)
def test_links_of_all_kinds(fs: InodeFilesystem, path: str, target: str) -> None:
    assert stat(fs, path).kind is FileKind.LINK
    assert fs.read_link(path) == target
    assert stat(fs, path).size == len(target)


@pytest.mark.host
def test_usage_is_that_of_ntfs_3g(image: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.img"
    shutil.copy(image, copy)
    with written(copy) as top:
        true = os.statvfs(top)
    found = mounted(image).usage()
    assert (found.size, found.free, found.available) == (
        true.f_blocks * true.f_frsize,
        true.f_bfree * true.f_frsize,
        true.f_bavail * true.f_frsize,
    )
    assert (found.inodes, found.inodes_free) == (true.f_files, true.f_ffree)


@pytest.mark.host
def test_an_encrypted_file_is_a_named_error(image: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.img"
    shutil.copy(image, copy)
    inode = stat(mounted(image), "/Windows/System32/config/SYSTEM").inode
    place = 4 * 4096 + inode * 1024
    record = copy.open("rb").read(place + 1024)[place:]
    assert record[:4] == b"FILE"
    standard = struct.unpack_from("<H", record, 20)[0]
    patch(copy, place + standard + 24 + 32, struct.pack("<I", 0x4020))  # the file attributes
    with pytest.raises(OddGuest, match="encrypted by Windows"):
        mounted(copy).open("/Windows/System32/config/SYSTEM")


@pytest.mark.host
def test_a_pipe_is_not_opened(fs: InodeFilesystem) -> None:
    with pytest.raises(NotAFile):
        fs.open("/pipe")


# -- declining --------------------------------------------------------------------------------------------


def reason(path: Path) -> str:
    found = mount_ntfs(volume(path))
    assert isinstance(found, Declined)
    return found.reason


@pytest.mark.host
def test_a_dirty_volume_is_declined(image: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.img"
    shutil.copy(image, copy)
    tool("ntfslabel", copy, "Data")  # opens and closes it: still clean
    assert isinstance(mount_ntfs(volume(copy)), InodeFilesystem)
    place = 4 * 4096 + 3 * 1024
    record = copy.open("rb").read(place + 1024)[place:]
    information = record.index(struct.pack("<I", 0x70))
    patch(copy, place + information + 24 + 10, b"\x01\0")
    assert "marked dirty" in reason(copy)


@pytest.mark.host
def test_hibernated_windows_is_declined(image: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.img"
    shutil.copy(image, copy)
    with written(copy) as top:
        (top / "hiberfil.sys").write_bytes(b"HIBR" + bytes(8188))
    assert "hibernated" in reason(copy)
    shutil.copy(image, copy)
    with written(copy) as top:
        (top / "hiberfil.sys").write_bytes(bytes(8192))  # as Windows leaves it after it has resumed
    assert isinstance(mount_ntfs(volume(copy)), InodeFilesystem)


@pytest.mark.host
def test_a_truncated_volume_is_declined(image: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.img"
    shutil.copy(image, copy)
    os.truncate(copy, 30 << 20)
    assert "its volume 31457280" in reason(copy)


def test_rubbish_is_declined(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(b"\xeb\x52\x90NTFS    " + bytes(100_000))
    assert "libfsntfs does not open it" in reason(path)


# -- small structures -------------------------------------------------------------------------------------


def test_runs() -> None:
    raw = bytes([0x21, 5, 0x00, 0x01, 0x01, 3, 0x11, 2, 0xF0, 0])
    assert list(parse_runs(raw)) == [(256, 5), (None, 3), (240, 2)]
    for bad in (bytes([0x44, 1]), bytes([0x11, 1, 0x80])):
        with pytest.raises(ValueError):
            list(parse_runs(bad))


@given(st.binary(max_size=1024))
def test_rubbish_for_a_record_gets_an_answer(raw: bytes) -> None:
    parse_record(raw)
    parse_record(b"FILE" + struct.pack("<HH", 48, 1) + raw)
    list(listed_records(raw, 0xB0))


def test_a_torn_record_is_noticed() -> None:
    raw = bytearray(1024)
    raw[:8] = b"FILE" + struct.pack("<HH", 48, 3)
    raw[48:54] = b"\x07\0AABB"
    raw[510:512] = raw[1022:1024] = b"\x07\0"
    whole = apply_fixups(bytes(raw))
    assert whole is not None and whole[510:512] == b"AA" and whole[1022:] == b"BB"
    raw[1022:1024] = b"\x06\0"
    assert apply_fixups(bytes(raw)) is None


def restart_page(in_use: int, flags: int, sequence: int = 1) -> bytes:
    page = bytearray(4096)
    page[:4] = b"RSTR"
    page[24:26] = struct.pack("<H", 48)
    page[48:64] = struct.pack("<QHHHH", sequence, 1, 0xFFFF, in_use, flags)
    return bytes(page)


@pytest.mark.parametrize(
    ("pages", "clean"),
    [
        (b"\xff" * 8192, True),
        (restart_page(0xFFFF, 0) * 2, True),
        (restart_page(0, 2) * 2, True),
        (restart_page(0, 0) * 2, False),
        (restart_page(0xFFFF, 0, 1) + restart_page(0, 0, 2), False),
        (bytes(8192), False),
    ],
)
def test_whether_the_log_is_closed(pages: bytes, clean: bool) -> None:
    assert log_is_clean(pages) is clean


# -- damage in directories ---------------------------------------------------------------------------------


def place_of(raw: bytes, record: int) -> int:
    """Where a record of the file table is; mkntfs puts the table into one piece."""
    return struct.unpack_from("<Q", raw, 48)[0] * 4096 + record * 1024


@pytest.fixture(scope="module")
def raw(image: Path) -> bytes:
    return image.read_bytes()


def patched(raw: bytes, *changes: tuple[int, bytes]) -> InodeFilesystem | Declined:
    other = bytearray(raw)
    for place, content in changes:
        other[place : place + len(content)] = content
    return mount_ntfs(bytes_volume(bytes(other)))


def listed(fs: InodeFilesystem | Declined, path: str) -> dict[str, FileKind]:
    assert isinstance(fs, InodeFilesystem), fs
    return {entry.name: entry.stat.kind for entry in fs.scan(path)}


@pytest.mark.host
@pytest.mark.parametrize("what", ["record", "index"])
def test_a_root_that_is_lost_is_not_mounted(raw: bytes, what: str) -> None:
    place = place_of(raw, 5)
    index = place + raw[place : place + 1024].index(struct.pack("<I", 0x90))
    found = patched(raw, (place, bytes(1024)) if what == "record" else (index, struct.pack("<I", 0x95)))
    assert isinstance(found, Declined) and found.damaged, found


@pytest.mark.host
@pytest.mark.parametrize("content", [b"XXXX", bytes(4096)])
def test_a_torn_block_of_a_directory_is_an_error_of_that_directory_alone(
    fs: InodeFilesystem, raw: bytes, content: bytes
) -> None:
    many = parse_record(raw[place_of(raw, stat(fs, "/many").inode) :][:1024])
    assert many is not None
    (start, _count), *_ = next(one.runs for one in many.attributes if one.type == 0xA0)
    assert start is not None
    found = patched(raw, (start * 4096 + 4096, content))
    assert set(listed(found, "/")) == {entry.name for entry in fs.scan("/")}
    with pytest.raises(OddGuest, match="damaged NTFS"):
        listed(found, "/many")


@pytest.mark.host
@pytest.mark.parametrize("change", ["free", "torn", "another"])
def test_a_name_that_leads_to_no_file_is_shown_and_cannot_be_read(
    fs: InodeFilesystem, raw: bytes, change: str
) -> None:
    """Another file in its place would be its content under a wrong name."""
    place = place_of(raw, stat(fs, "/many/file7").inode)
    changes = {"free": (22, b"\0\0"), "torn": (0, b"XXXX"), "another": (16, b"\x77\x77")}
    offset, content = changes[change]
    found = patched(raw, (place + offset, content))
    kinds = listed(found, "/many")
    assert len(kinds) == 400 and kinds.pop("file7") is FileKind.UNKNOWN
    assert set(kinds.values()) == {FileKind.FILE}
    assert isinstance(found, InodeFilesystem)
    with pytest.raises(OddGuest):
        found.open("/many/file7")


@given(st.binary(max_size=1100))
def test_rubbish_for_an_index_is_a_named_error(content: bytes) -> None:
    header = struct.pack("<III4x", 0x30, 0, 4096)
    for parse in (
        lambda: list(parse_root(header + content)[1]),
        lambda: list(parse_block(b"INDX" + content)),
    ):
        try:
            parse()
        except BadIndex:
            continue


def test_half_a_pair_of_utf_16_is_three_bytes() -> None:
    assert decode_name("a😀".encode("utf-16-le")) == "a😀"
    assert os.fsencode(decode_name(b"a\0\x00\xd8")) == b"a\xed\xa0\x80"


# -- other names -------------------------------------------------------------------------------------------


@pytest.mark.host
def test_a_stream_is_a_file_behind_a_colon(fs: InodeFilesystem) -> None:
    for path in ("/small:stream", "/SMALL:Stream", "/small:stream:$DATA"):
        found = stat(fs, path)
        assert (found.kind, found.size) == (FileKind.FILE, 9)
        with fs.open(path) as stream:
            assert stream.read() == b"alternate"
        assert fs.xattrs(path) == {}
    with fs.open("/small::$DATA") as stream:
        assert stream.read() == b"resident\n"
    assert fs.lookup("/small:nothing") is fs.lookup("/nothing:stream") is fs.lookup("/small:stream/x") is None
    assert not any(":" in entry.name for entry in fs.scan("/"))


@pytest.mark.host
def test_short_names_lead_to_their_files(tmp_path: Path) -> None:
    path = blank(tmp_path / "a.img", 16 << 20)
    tool("mkntfs", "-q", "-F", "-Q", path)
    with written(path) as top:
        (top / "Program Files").mkdir()
        (top / "Program Files" / "a long name.txt").write_text("long")
        os.setxattr(top / "Program Files", "system.ntfs_dos_name", b"PROGRA~1")
        os.setxattr(top / "Program Files" / "a long name.txt", "system.ntfs_dos_name", b"ALONGN~1.TXT")
    fs = mounted(path)
    assert [entry.name for entry in fs.scan("/")] == ["Program Files"]
    tree = GuestTree({"/": fs}, Engine.DIRECT)
    for name in ("/PROGRA~1/ALONGN~1.TXT", "/progra~1/a LONG name.txt", "/Program Files/alongn~1.txt"):
        assert tree.read_bytes(name) == b"long", name
    assert fs.lookup("/PROGRA~2") is fs.lookup("/PROGRA~1/B~1") is None


@pytest.mark.host
def test_holes_are_known_where_windows_did_not_compress(fs: InodeFilesystem) -> None:
    with fs.open("/sparse") as stream:
        size = stat(fs, "/sparse").size
        parts = list(data_parts(stream, size))
    assert sum(end - begin for begin, end in parts) < size // 4
    assert any(begin <= 5 << 20 < end for begin, end in parts)
    for path in ("/packed/mixed", "/small", "/compact"):
        with fs.open(path) as stream:
            size = stat(fs, path).size
            assert list(data_parts(stream, size)) == [(0, size)]
