"""Room taken before a file is written: the file has the same bytes, and no more room than without."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from imgtools.disk.image_file import open_disk
from imgtools.disk.raw_copy import room_ahead as module
from imgtools.disk.raw_copy.room_ahead import expected_ranges, room_ahead
from imgtools.engine.allocation import data_ranges
from imgtools.records.image import DiskSource
from tests.support.disks import MIB, qemu_img, random_bytes

SIZE = 96 * MIB


@pytest.fixture(autouse=True)
def any_filesystem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "filesystem_of", lambda path: "ext4")


def blocks(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_what_is_not_written_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with room_ahead(path, [(0, 16 * MIB), (32 * MIB, 16 * MIB)]), path.open("wb") as stream:
        stream.truncate(40 * MIB)
        wait_for_room(path)
        os.pwrite(stream.fileno(), random_bytes(MIB), 8 * MIB)
        os.pwrite(stream.fileno(), b"end", 40 * MIB - 3)
    assert path.stat().st_size == 40 * MIB
    assert blocks(path) <= MIB + 16 * 4096
    assert path.read_bytes() == bytes(8 * MIB) + random_bytes(MIB) + bytes(31 * MIB - 3) + b"end"


def wait_for_room(path: Path) -> None:
    """Until the blocks are there; a filesystem without the call has none, and that is fine too."""
    deadline = time.monotonic() + 2
    while blocks(path) < 32 * MIB and time.monotonic() < deadline:
        time.sleep(0.01)


def test_file_that_is_never_made(tmp_path: Path) -> None:
    with room_ahead(tmp_path / "new", [(0, MIB)]):
        pass
    assert not list(tmp_path.iterdir())


def test_trouble_of_the_writer_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), room_ahead(tmp_path / "new", [(0, MIB)]):
        (tmp_path / "new").write_bytes(b"half")
        raise ValueError("mine")


def test_host_without_the_call_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(module, "take_blocks", refuse)
    monkeypatch.setattr(module, "punch_hole", refuse)
    with room_ahead(tmp_path / "new", [(0, MIB)]):
        (tmp_path / "new").write_bytes(b"all of it")
        time.sleep(0.02)
    assert (tmp_path / "new").read_bytes() == b"all of it"


@pytest.mark.host
def test_what_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "d.raw"
    with path.open("wb") as stream:
        stream.write(random_bytes(SIZE))
        stream.truncate(4 * SIZE)
    raw = open_disk(DiskSource(path, "raw"))
    with path.open("rb") as stream:
        assert list(expected_ranges(raw, "raw")) == list(data_ranges(stream.fileno(), 4 * SIZE))
    assert SIZE <= expected_ranges(raw, "qcow2")[0][1] <= SIZE + MIB
    assert not expected_ranges(raw, "vdi")
    qemu_img("convert", "-O", "qcow2", path, tmp_path / "d.qcow2")
    sparse = open_disk(DiskSource(tmp_path / "d.qcow2", "qcow2"))
    assert not expected_ranges(sparse, "raw")  # nobody knows where its data will be
    assert expected_ranges(sparse, "qcow2")


def test_small_images_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "d.raw").write_bytes(random_bytes(MIB))
    assert not expected_ranges(open_disk(DiskSource(tmp_path / "d.raw", "raw")), "qcow2")
