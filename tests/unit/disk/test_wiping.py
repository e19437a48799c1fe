"""Passes over a file, on a host that does part of what it is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgtools.disk import wiping
from imgtools.disk.wiping import Pass, wipe_file
from imgtools.errors import EngineFailed

LENGTH = 1000


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is read and written in chunks of 100 bytes, of which 66 are done at once."""
    monkeypatch.setattr(wiping, "CHUNK", 100)
    pread, pwrite = os.pread, os.pwrite
    monkeypatch.setattr(os, "pread", lambda fd, length, offset: pread(fd, min(length, 66), offset))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:66], offset))
    (tmp_path / "disk").write_bytes(b"secret" * 200)
    os.truncate(tmp_path / "disk", LENGTH)
    return tmp_path / "disk"


@pytest.mark.parametrize("pattern", [b"\0", b"\xff", bytes.fromhex("924924"), bytes.fromhex("6db6db00")])
def test_the_pattern_goes_on_over_the_whole_file(file: Path, pattern: bytes) -> None:
    told: list[tuple[int, int]] = []
    assert wipe_file(file, (Pass(pattern, verify=True),), lambda *done: told.append(done)) == LENGTH
    assert file.read_bytes() == (pattern * LENGTH)[:LENGTH]
    assert told[-1] == (2 * LENGTH, 2 * LENGTH) and all(done <= total for done, total in told)


@pytest.mark.parametrize("place", [0, 65, 66, 99, 100, LENGTH - 1])
def test_no_byte_is_left_unread(file: Path, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: damage(file, place))
    with pytest.raises(EngineFailed, match=f"near byte {place // 100 * 100}$"):
        wipe_file(file, (Pass(b"\xff", verify=True),))


def damage(file: Path, place: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(place)
        stream.write(b"\0")


def test_random_bytes_are_no_pattern(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda size: b"\7" * size)
    wipe_file(file, (Pass(b""),))
    assert file.read_bytes() == b"\7" * LENGTH
