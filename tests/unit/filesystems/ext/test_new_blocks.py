"""New small files on ext4: in few stretches of blocks, and where there are none, in many."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from imgtools.engine.direct.e2fsck import check_ext
from imgtools.engine.direct.session import mount_file
from imgtools.errors import EditFailed
from imgtools.filesystems.api import CannotWrite
from imgtools.filesystems.ext.writer import ExtWriter
from imgtools.records.disks import Declined
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.volume_file import DiskFile

pytestmark = pytest.mark.host

BLOCK = 1024


def made(path: Path, kind: str) -> Path:
    with path.open("wb") as file:
        file.truncate(4 << 20)
    options = ["-b", str(BLOCK), "-N", "2500", "-O", "^has_journal"]
    subprocess.run(["mke2fs", "-q", "-F", "-t", kind, *options, path], check=True)
    return path


@pytest.fixture(params=["ext4", "ext3"])
def volume(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return made(tmp_path / "disk", request.param)


def content(number: int, size: int) -> bytes:
    return (b"%d " % number * size)[:size]


def held(volume: Path) -> dict[str, bytes]:
    mounted = mount_file(DiskFile.whole(LocalDisk(volume), "/dev/sda1"), "ext4")
    assert not isinstance(mounted, Declined)
    return {
        one.name: mounted.open(f"/{one.name}").read() for one in mounted.scan("/") if one.name != "lost+found"
    }


def test_where_only_little_stretches_are_free_a_file_is_in_many_pieces(volume: Path) -> None:
    writer = ExtWriter(volume, "/dev/sda1", check_ext)
    count = 0
    with pytest.raises(EditFailed, match="no room"):
        for count in range(10_000):
            writer.write(f"/{count}", io.BytesIO(content(count, 2 * BLOCK)))
    others = range(count % 2, count - 1, 2)  # the last one is at the end of the disk: see below
    for number in others:
        writer.remove(f"/{number}")
    writer.write("/large", io.BytesIO(content(7, 40 * BLOCK + 5)))
    writer.write("/small", io.BytesIO(content(8, 6 * BLOCK)))
    writer.finish()
    expected = {str(number): content(number, 2 * BLOCK) for number in range(count) if number not in others}
    found = held(volume)
    found.pop(str(count), None)  # there was no room for it, or not for all of it
    assert found == expected | {"large": content(7, 40 * BLOCK + 5), "small": content(8, 6 * BLOCK)}


def test_the_last_block_of_a_disk_is_left_to_the_kernel(tmp_path: Path) -> None:
    """Else no file could be removed that has it: the library takes its number for one too large."""
    writer = ExtWriter(made(tmp_path / "disk", "ext4"), "/dev/sda1", check_ext)
    with pytest.raises(EditFailed, match="no room"):
        writer.write("/all", io.BytesIO(bytes(5 << 20)))
    with pytest.raises(CannotWrite, match="the last block"):
        writer.remove("/all")
    writer.abandon()


@pytest.mark.parametrize(
    "size", [0, 1, BLOCK, BLOCK + 1, (64 << 10) - 1, (64 << 10) + 1, 1 << 20, (1 << 20) + 1]
)
def test_a_file_of_any_size_is_what_was_given(volume: Path, size: int) -> None:
    writer = ExtWriter(volume, "/dev/sda1", check_ext)
    for name in ("a", "b"):
        writer.write(f"/{name}", io.BytesIO(content(3, size)))
    writer.write("/b", io.BytesIO(content(4, 2 * BLOCK)))  # an old file gets another content
    writer.finish()
    assert held(volume) == {"a": content(3, size), "b": content(4, 2 * BLOCK)}
