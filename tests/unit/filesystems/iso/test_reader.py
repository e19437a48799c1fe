"""Discs made by xorriso read as Linux' isofs shows them: Rock Ridge, else Joliet, else plain names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgtools.errors import ImgtoolsError, OddGuest
from imgtools.filesystems.inodes import InodeFilesystem
from imgtools.filesystems.iso.reader import mount_iso
from imgtools.filesystems.iso.record import (
    parse_long_date,
    parse_rock_ridge,
    parse_short_date,
    plain_name,
    susp_skip,
)
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind
from tests.support.volumes import bytes_volume, tool, volume

LONG_TARGET = "/abs/" + "z" * 240


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("tree")
    deep = top / "/".join("abcdefghij") / "deep file"
    deep = top.joinpath(*"abcdefghij", "deep file")
    deep.parent.mkdir(parents=True)
    deep.write_text("deep\n")
    (top / "Read Me; first.txt").write_text("hello\n")
    (top / "Read Me; first.txt").chmod(0o4750)
    os.utime(top / "Read Me; first.txt", (484_117_505, 484_117_505))
    (top / ("n" * 200)).write_text("long name\n")
    (top / "ünïcödé 日本.txt").write_text("wide\n")
    (top / "link").symlink_to("a/../Read Me; first.txt")
    (top / "longlink").symlink_to(LONG_TARGET)
    (top / "absolute").symlink_to("/")
    os.link(top / "Read Me; first.txt", top / "hard")
    os.mkfifo(top / "pipe")
    (top / "big").write_bytes(os.urandom(3_000_000))
    (top / "empty").touch()
    (top / "many").mkdir()
    for number in range(300):
        (top / "many" / f"file number {number}").touch()
    return top


def disc(folder: Path, tree: Path, *options: str) -> Path:
    path = folder / "disc.iso"
    tool("xorriso", "-as", "mkisofs", "-quiet", *options, "-o", path, tree)
    return path


@pytest.fixture(scope="module", params=[("-R", "-J", "-joliet-long"), ("-R",)], ids=["both", "rock ridge"])
def rock_ridge(request: pytest.FixtureRequest, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return disc(tmp_path_factory.mktemp("rr"), tree, *request.param)


def mounted(path: Path) -> InodeFilesystem:
    found = mount_iso(volume(path, "/dev/sr0"))
    assert isinstance(found, InodeFilesystem), found
    return found


@pytest.mark.host
def test_rock_ridge_has_everything(rock_ridge: Path, tree: Path) -> None:
    fs = mounted(rock_ridge)
    assert not fs.ignores_case
    entries = {entry.name: entry.stat for entry in fs.scan("/")}
    assert set(entries) == {path.name for path in tree.iterdir()}
    assert {entry.name for entry in fs.scan("/many")} == {f"file number {number}" for number in range(300)}
    for name in ("Read Me; first.txt", "hard", "big", "empty", "ünïcödé 日本.txt", "n" * 200):
        with fs.open(f"/{name}") as stream:
            assert stream.read() == (tree / name).read_bytes(), name
    with fs.open("/a/b/c/d/e/f/g/h/i/j/deep file") as stream:
        assert stream.read() == b"deep\n"
    found, true = entries["Read Me; first.txt"], (tree / "hard").stat()
    assert (found.kind, found.mode, found.size, found.links) == (FileKind.FILE, 0o4750, 6, 2)
    assert (found.uid, found.gid, found.mtime) == (true.st_uid, true.st_gid, 484_117_505 * 10**9)
    assert entries["pipe"].kind is FileKind.FIFO
    assert entries["many"].kind is FileKind.DIRECTORY


@pytest.mark.host
def test_links(rock_ridge: Path) -> None:
    fs = mounted(rock_ridge)
    targets = {"link": "a/../Read Me; first.txt", "longlink": LONG_TARGET, "absolute": "/"}
    for name, target in targets.items():
        assert fs.read_link(f"/{name}") == target
        assert fs.lookup(f"/{name}").size == len(target)  # type: ignore[union-attr]


@pytest.mark.host
def test_joliet(tmp_path: Path, tree: Path) -> None:
    fs = mounted(disc(tmp_path, tree, "-J", "-joliet-long", "--norock"))
    assert fs.ignores_case
    with fs.open("/ÜNÏCÖDÉ 日本.TXT") as stream:
        assert stream.read() == b"wide\n"
    with fs.open("/a/b/c/d/e/f/g/h/i/j/deep file") as stream:
        assert stream.read() == b"deep\n"
    assert fs.lookup("/big").mode == 0o555  # type: ignore[union-attr]


@pytest.mark.host
def test_plain_names(tmp_path: Path, tree: Path) -> None:
    fs = mounted(disc(tmp_path, tree, "-iso-level", "3", "--norock"))
    with fs.open("/read_me__first.txt") as stream:
        assert stream.read() == b"hello\n"
    assert fs.lookup("/READ_ME__FIRST.TXT") is None


@pytest.mark.host
def test_a_file_in_several_sections(tmp_path: Path) -> None:
    """Files of more than 4 GB have several records; here two small files are made one by the flag that says so."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "huge").write_bytes(b"first" * 4096)
    (tmp_path / "tree" / "hugh").write_bytes(b"behind it")
    path = disc(tmp_path, tmp_path / "tree", "-R")
    content = bytearray(path.read_bytes())
    flags = content.index(b"HUGE.;1") - 33 + 25 if b"HUGE.;1" in content else content.index(b"HUGE") - 33 + 25
    content[flags] |= 0x80
    path.write_bytes(content)
    fs = mounted(path)
    assert [(entry.name, entry.stat.size) for entry in fs.scan("/")] == [("huge", 5 * 4096 + 9)]
    with fs.open("/huge") as stream:
        stream.seek(5 * 4096 - 3)
        assert stream.read() == b"rstbehind it"


@pytest.mark.host
def test_usage_is_the_size_of_the_disc(rock_ridge: Path) -> None:
    found = mounted(rock_ridge).usage()
    raw = rock_ridge.open("rb").read(40_000)
    assert found.size == int.from_bytes(raw[32768 + 80 : 32768 + 84], "little") * 2048
    assert (found.free, found.inodes) == (0, 0)


@pytest.mark.host
def test_a_compressed_file_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "text").write_bytes(b"again and again " * 10_000)
    path = tmp_path / "z.iso"
    tool(
        "xorriso", "-outdev", path, "-map", tmp_path / "tree", "/", "-set_filter_r", "--zisofs", "/", "--", "-commit",
    )  # fmt: skip
    with pytest.raises(OddGuest, match="zisofs"):
        mounted(path).open("/text")


def test_what_is_no_disc() -> None:
    found = mount_iso(bytes_volume(bytes(1 << 20)))
    assert isinstance(found, Declined)
    assert "no ISO 9660" in found.reason


# -- small structures -------------------------------------------------------------------------------------


def test_names_without_extensions() -> None:
    names = {b"README.TXT;1": b"readme.txt", b"NOEXT.;1": b"noext", b"DIR": b"dir", b"A;B": b"a.b"}
    assert {name: plain_name(name) for name in names} == names


def test_dates() -> None:
    assert parse_short_date(bytes([109, 2, 13, 23, 31, 30, 0])) == 1_234_567_890 * 10**9
    assert parse_short_date(bytes([109, 2, 14, 0, 31, 30, 4])) == 1_234_567_890 * 10**9  # an hour east
    assert parse_short_date(bytes(7)) == 0
    assert parse_long_date(b"2009021323313000\0") == 1_234_567_890 * 10**9


def test_components_of_a_link_may_be_spread() -> None:
    first = b"SL" + bytes([14, 1, 1]) + bytes([8, 0]) + bytes([0, 3]) + b"usr" + bytes([2, 0])
    second = b"SL" + bytes([11, 1, 0]) + bytes([1, 2]) + b"lo" + bytes([0, 0])
    third = b"SL" + bytes([9, 1, 0]) + bytes([4, 0]) + bytes([0, 0])
    found = parse_rock_ridge(first + second + third, lambda _offset, _length: b"")
    assert found.target == b"/usr/./lo/../"


@given(st.binary(max_size=300))
def test_rubbish_in_a_system_use_area_gets_an_answer(raw: bytes) -> None:
    parse_rock_ridge(raw, lambda _offset, _length: raw)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    top = tmp_path_factory.mktemp("small")
    (top / "tree" / "sub").mkdir(parents=True)
    (top / "tree" / "sub" / "file").write_text("x")
    (top / "tree" / "link").symlink_to("y" * 250)
    return disc(top, top / "tree", "-R").read_bytes()


@pytest.mark.host
@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.integers(0, 30_000), st.binary(min_size=1, max_size=6), max_size=20))
def test_no_damage_crashes_or_hangs(small: bytes, changes: dict[int, bytes]) -> None:
    content = bytearray(small)
    for offset, raw in changes.items():
        place = 32768 + offset
        content[place : place + len(raw)] = raw
    try:
        fs = mount_iso(bytes_volume(bytes(content)))
        if isinstance(fs, Declined):
            return
        for entry in fs.scan("/")[:50]:
            path = f"/{entry.name}"
            if entry.stat.kind is FileKind.DIRECTORY:
                fs.scan(path)
            elif entry.stat.kind is FileKind.LINK:
                fs.read_link(path)
            elif entry.stat.kind is FileKind.FILE:
                fs.open(path).read(100_000)
    except ImgtoolsError:
        return


@pytest.mark.host
def test_a_root_that_is_no_directory_is_not_mounted(small: bytes) -> None:
    root = int.from_bytes(small[32768 + 158 : 32768 + 162], "little") * 2048
    record = bytearray(small)
    record[root + 25] &= ~2
    at = bytes(record[root : root + record[root]]).index(b"PX")
    record[root + at + 4 : root + at + 8] = (0o100644).to_bytes(4, "little")
    found = mount_iso(bytes_volume(bytes(record)))
    assert found == Declined("/dev/sda1", "damaged: its root is a file, not a directory", damaged=True)


def test_an_area_that_ends_within_its_first_entry() -> None:
    assert susp_skip(b"SP\x07\x01\xbe\xef") is None
    assert susp_skip(b"SP\x07\x01\xbe\xef\x03") == 3
    assert susp_skip(bytes(14) + b"SP\x07\x01\xbe\xef") == 14
