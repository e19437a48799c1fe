"""New filesystems: what blkid finds in them, what is refused, and that two runs make the same bytes."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from imgtools.engine.mkfs import KINDS, REPEATABLE, NewFilesystem, make_filesystem, require_makeable
from imgtools.errors import EditFailed, UsageError

MIB = 1 << 20
MOMENT = 1_700_000_000
UUID = "8f0c4a3e-1a52-4b0e-9a3d-6c1f2e7b5d90"
UUIDS = {"vfat": "1A2B-3C4D", "exfat": "1A2B-3C4D", "ntfs": "3D9E0A4C7B1F2856", "udf": "3d9e0a4c7b1f2856"}


def words_of(argv: list[str]) -> list[str]:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()


def empty_file(path: Path, size: int) -> Path:
    with path.open("wb") as stream:
        stream.truncate(size)
    return path


@pytest.mark.host
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_blkid_finds_what_was_asked_for(tmp_path: Path, kind: str) -> None:
    place = empty_file(tmp_path / "new", 320 * MIB)
    make_filesystem(place, NewFilesystem(kind, "Data", UUIDS.get(kind, UUID), is_fresh=True))
    found = dict(line.split("=", 1) for line in words_of(["blkid", "-p", "-o", "export", str(place)]))
    label = "DATA" if kind == "vfat" else "Data"
    assert (found["TYPE"], found["LABEL"], found["UUID"]) == (kind, label, UUIDS.get(kind, UUID))


@pytest.mark.host
@pytest.mark.parametrize("kind", sorted(REPEATABLE))
def test_two_runs_of_one_moment_are_the_same(tmp_path: Path, kind: str) -> None:
    new = NewFilesystem(kind, "Data", UUIDS.get(kind, UUID), moment=MOMENT, is_fresh=True)
    digests = set()
    for number in range(2):
        place = empty_file(tmp_path / str(number), 32 * MIB)
        make_filesystem(place, new)
        digests.add(hashlib.sha256(place.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.host
def test_a_file_that_was_used_is_made_anew(tmp_path: Path) -> None:
    place = tmp_path / "used"
    place.write_bytes(b"\xa5" * 8 * MIB)
    make_filesystem(place, NewFilesystem("ext4"))
    assert words_of(["e2fsck", "-f", "-n", str(place)])


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (NewFilesystem("reiserfs"), "no such type"),
        (NewFilesystem("vfat", label="a label too long"), "at most 11 bytes, not 16"),
        (NewFilesystem("swap", label="a\nb"), "control"),
        (NewFilesystem("vfat", uuid=UUID), "no UUID of vfat"),
        (NewFilesystem("ext4", uuid="1A2B-3C4D"), "no UUID of ext4"),
        (NewFilesystem("ext4", block_size=3000), "no size of a block"),
        (NewFilesystem("ext4", block_size=512), "no size of a block"),
    ],
)
def test_what_cannot_be_is_refused(new: NewFilesystem, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        require_makeable(new)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_too_little_room_names_the_least(kind: str) -> None:
    with pytest.raises(UsageError, match=r"it needs .* at least"):
        require_makeable(NewFilesystem(kind), KINDS[kind].least - 1)
    require_makeable(NewFilesystem(kind), KINDS[kind].least)


@pytest.mark.host
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_least_room_is_enough(tmp_path: Path, kind: str) -> None:
    make_filesystem(empty_file(tmp_path / "new", KINDS[kind].least), NewFilesystem(kind, is_fresh=True))


@pytest.mark.host
def test_a_program_that_refuses_is_named(tmp_path: Path) -> None:
    place = empty_file(tmp_path / "new", 2 * MIB)
    with pytest.raises(EditFailed, match=r"no ext4 can be made: "):
        make_filesystem(place, NewFilesystem("ext4", block_size=65536))
