"""Writes to ext filesystems are collected: fewer of them, and the same bytes."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from imgtools.engine.direct.e2fsck import check_ext
from imgtools.engine.direct.session import mount_file
from imgtools.filesystems.ext import collected_writes
from imgtools.filesystems.ext.writer import ExtWriter
from imgtools.records.disks import Declined
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.volume_file import DiskFile

pytestmark = pytest.mark.host

COUNT = 300


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "ext4.img"
    with path.open("wb") as file:
        file.truncate(24 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", path], check=True)
    return path


def content(number: int) -> bytes:
    return b"%d\n" % number * (number % 7 * 900 + 1)


def writes_so_far() -> int:
    """How many write calls this process has made, proc(5)."""
    counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counters["syscw"])


def fill(volume: Path) -> int:
    """Write many files, have them checked, and return how many writes that were."""
    before = writes_so_far()
    writer = ExtWriter(volume, "/dev/sda1", check_ext)
    writer.make_directory("/many", 0o755)
    for number in range(COUNT):
        writer.write(f"/many/{number}", io.BytesIO(content(number)))
        if number % 3 == 0:
            writer.write(f"/many/{number}", io.BytesIO(content(number + 1)))  # again, longer or shorter
            writer.remove(f"/many/{number}")
    writer.finish()
    return writes_so_far() - before


def held(volume: Path) -> dict[str, bytes]:
    mounted = mount_file(DiskFile.whole(LocalDisk(volume), "/dev/sda1"), "ext4")
    assert not isinstance(mounted, Declined)
    return {one.name: mounted.open(f"/many/{one.name}").read() for one in mounted.scan("/many")}


EXPECTED = {str(number): content(number) for number in range(COUNT) if number % 3}


def test_many_small_files_are_few_writes(volume: Path) -> None:
    assert fill(volume) < COUNT / 3
    assert held(volume) == EXPECTED


def test_a_buffer_that_overflows_again_and_again_loses_nothing(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collected_writes, "MOST", 16 << 10)
    monkeypatch.setattr(collected_writes, "TOGETHER", 3)
    fill(volume)
    assert held(volume) == EXPECTED


def test_what_is_abandoned_is_not_written(volume: Path) -> None:
    before = volume.read_bytes()
    writer = ExtWriter(volume, "/dev/sda1", check_ext)
    writer.write("/file", io.BytesIO(b"x" * 5000))
    writer.abandon()
    assert volume.read_bytes() == before
