"""Packed disks: each kind, kinds inside each other, damage, bombs, and no room."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from imgtools.disk.sources import spool
from imgtools.disk.sources.opening import kind_of, opened_sources
from imgtools.errors import BadImage, ImgtoolsError, NoRoom
from imgtools.records.image import DiskSource
from tests.support.archives import END, GNU, header, pairs
from tests.support.disks import random_bytes
from tests.support.sources import MIB, contents, disk_bytes, ova, ovf_text, tar

pytestmark = pytest.mark.host

PACKERS = {
    "xz": ("xz", "-1c"), "gzip": ("gzip", "-1c"), "zstd": ("zstd", "-q1c"), "bzip2": ("bzip2", "-1c"),
}  # fmt: skip
DISK = disk_bytes(size=2 * MIB) + bytes(MIB) + disk_bytes(b"z")


def packed(content: bytes, kind: str, *words: str) -> bytes:
    """What a program makes of it."""
    return subprocess.run([*PACKERS[kind], *words], input=content, stdout=subprocess.PIPE, check=True).stdout


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary folder is ours alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


def left(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize("kind", PACKERS)
def test_each_kind(tmp_path: Path, kind: str) -> None:
    content = packed(DISK, kind)
    assert kind_of(content[:512]) == kind
    assert contents(write(tmp_path / "disk", content)) == [DISK]
    assert not left(tmp_path)


@pytest.mark.parametrize("kind", PACKERS)
def test_several_streams_are_one(tmp_path: Path, kind: str) -> None:
    both = packed(DISK[: 2 * MIB], kind) + packed(DISK[2 * MIB :], kind)
    assert contents(write(tmp_path / "disk", both)) == [DISK]


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_damage_is_named_and_nothing_stays(tmp_path: Path, kind: str, damage: str) -> None:
    content = bytearray(packed(DISK, kind))
    if damage == "cut":
        del content[-20:]
    else:
        content[len(content) // 2] ^= 0xFF
    with pytest.raises(BadImage, match=rf"disk: its {kind} stream is damaged or cut"):
        contents(write(tmp_path / "disk", bytes(content)))
    assert not left(tmp_path)


def test_holes_stay_holes(tmp_path: Path) -> None:
    made = write(tmp_path / "d.gz", packed(bytes(64 * MIB), "gzip"))
    with opened_sources([DiskSource(made)]) as (disk,):
        assert disk.inside is not None and disk.inside.path is not None
        found = disk.inside.path.stat()
        assert found.st_size == 64 * MIB and found.st_blocks * 512 < MIB
        assert "unpacked once" in disk.inside.how and disk.name == str(made)


def test_xz_in_blocks_is_read_where_it_lies(tmp_path: Path) -> None:
    made = write(tmp_path / "d.xz", packed(DISK, "xz", "--block-size=1MiB", "-T1"))
    with opened_sources([DiskSource(made)]) as (disk,):
        assert disk.inside is not None and disk.inside.socket and "4 blocks" in disk.inside.how
    assert contents(made) == [DISK]
    assert not left(tmp_path)


def test_xz_in_blocks_without_nbdkit_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = write(tmp_path / "d.xz", packed(DISK, "xz", "--block-size=1MiB", "-T1"))
    from imgtools.disk.sources import packed as room
    from imgtools.errors import ToolMissing

    def missing(program: str) -> str:
        raise ToolMissing(program)

    monkeypatch.setattr(room, "require", missing)
    assert contents(made) == [DISK]


def test_archives_that_are_packed(tmp_path: Path) -> None:
    plain = tar(tmp_path / "m.tar", {"disk.raw": DISK, "note.txt": b"x"}).read_bytes()
    for kind in PACKERS:
        made = write(tmp_path / "m.tgz", packed(plain, kind))
        assert contents(made) == contents(f"{made}/disk.raw") == [DISK]
    with pytest.raises(BadImage, match=r"has no other in it"):
        contents(f"{made}/other")
    blocks = write(tmp_path / "m.txz", packed(plain, "xz", "--block-size=1MiB", "-T1"))
    with opened_sources([DiskSource(blocks)]) as (disk,):
        assert disk.inside is not None and disk.inside.socket and disk.inside.kind == "xz, tar"
    assert contents(blocks) == [DISK]


def test_a_packed_disk_in_an_ova(tmp_path: Path) -> None:
    inner = packed(DISK, "gzip")
    text = ovf_text({"a.gz": len(inner)}).replace(b"<File", b'<File ovf:compression="gzip"')
    made = ova(tmp_path / "m.ova", {"a.gz": inner}, ovf=text)
    with opened_sources([DiskSource(made)], digests=True) as (disk,):
        assert disk.inside is not None and disk.inside.kind == "OVA, gzip"
    assert contents(made) == [DISK]


def test_a_disk_that_tar_keeps_without_its_holes(tmp_path: Path) -> None:
    stored = DISK[: 2 * MIB] + DISK[3 * MIB :]
    map = pairs(0, 2 * MIB, 3 * MIB, MIB)
    head = header("disk.raw", b"S", len(stored), magic=GNU, map=map, realsize=len(DISK))
    made = write(tmp_path / "gce.tar", head + stored + END)
    assert contents(made) == [DISK]
    assert not left(tmp_path)


def test_packed_once_more_than_is_looked_into(tmp_path: Path) -> None:
    content = DISK
    for _ in range(4):
        content = packed(content, "gzip")
    with pytest.raises(BadImage, match="packed once more"):
        contents(write(tmp_path / "d.gz", content))
    assert not left(tmp_path)


def test_a_bomb_ends_where_no_disk_could_be_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "LEAST_LENGTH", 8 * MIB)
    monkeypatch.setattr(spool, "free_room", lambda _folder: spool.RESERVE + 1)
    monkeypatch.setattr(spool, "LENGTH_OF_ROOM", 1)
    for kind in PACKERS:
        made = write(tmp_path / "d", packed(bytes(80 * MIB), kind))
        with pytest.raises(BadImage, match="unpacks to more than 65M"):
            contents(made)
    assert not left(tmp_path)


def test_without_room_nothing_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = write(tmp_path / "d.gz", packed(DISK, "gzip"))
    rooms = iter([spool.RESERVE + 1, spool.RESERVE + 1, 5, 5])
    monkeypatch.setattr(spool, "free_room", lambda _folder: next(rooms))
    with pytest.raises(NoRoom, match=r"no room to unpack .*d.gz") as caught:
        contents(made)
    assert "TMPDIR" in caught.value.hint
    assert not left(tmp_path)


def test_a_raw_disk_that_looks_packed_is_not_looked_into(tmp_path: Path) -> None:
    made = write(tmp_path / "disk.img", packed(DISK, "gzip"))
    with opened_sources([DiskSource(made)]) as (disk,):
        assert disk.inside is None
    assert contents(write(tmp_path / "disk.img.gz", packed(DISK, "gzip"))) == [DISK]


def test_a_format_is_that_of_the_disk_where_the_name_says_that_it_is_packed(tmp_path: Path) -> None:
    made = write(tmp_path / "disk.raw.gz", packed(DISK, "gzip"))
    with opened_sources([DiskSource(made, "raw")]) as (disk,):
        assert disk.inside is not None and disk.format == "raw"
    other = write(tmp_path / "disk", packed(DISK, "gzip"))
    with opened_sources([DiskSource(other, "raw")]) as (disk,):
        assert disk.inside is None


def test_random_bytes_behind_each_magic_end_in_named_errors(tmp_path: Path) -> None:
    for kind in PACKERS:
        head = packed(DISK, kind)[:40]
        with pytest.raises(ImgtoolsError):
            contents(write(tmp_path / "d", head + random_bytes(4096)))
    assert not left(tmp_path)
