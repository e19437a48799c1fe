"""NTFS through a worker: the same answers as in this process, and its death is a named error of the volume."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from imgtools.engine.confined import ntfs
from imgtools.errors import BadImage
from imgtools.filesystems.inodes import InodeFilesystem
from imgtools.filesystems.ntfs.reader import NtfsReader, mount_ntfs
from imgtools.records.disks import Declined
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.volume_file import DiskFile
from tests.support.volumes import blank, tool

pytestmark = pytest.mark.host

CONTENT = bytes(range(256)) * 5000


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ntfs")
    path, file = blank(folder / "a.img", 16 << 20), folder / "content"
    file.write_bytes(CONTENT)
    tool("mkntfs", "-q", "-F", "-Q", path)
    for name in ("content", "ä \N{SNOWMAN}", "another"):
        tool("ntfscp", "-q", "-f", path, file, name)
    tool("ntfscp", "-q", "-f", "-a", "128", "-N", "stream", path, file, "another")
    return path


def volume(path: Path) -> DiskFile:
    return DiskFile.whole(LocalDisk(path), "/dev/sda1")


def confined(path: Path) -> InodeFilesystem:
    found = ntfs.mount_ntfs(volume(path))
    assert isinstance(found, InodeFilesystem), found
    return found


def test_it_is_the_same_as_in_this_process(image: Path) -> None:
    here, there = mount_ntfs(volume(image)), confined(image)
    assert isinstance(here, InodeFilesystem)
    assert here.scan("/") == there.scan("/") and len(here.scan("/")) == 3
    assert here.usage() == there.usage()
    for entry in here.scan("/"):
        path = f"/{entry.name}"
        assert here.lookup(path) == there.lookup(path)
        assert here.xattrs(path) == there.xattrs(path)
        with there.open(path) as file:
            assert file.read() == CONTENT
            file.seek(70_000)
            assert file.read(10) == CONTENT[70_000:70_010]
    assert there.lookup("/none") is None


def test_what_is_no_ntfs_is_declined(tmp_path: Path) -> None:
    found = ntfs.mount_ntfs(volume(blank(tmp_path / "a.img", 1 << 20)))
    assert isinstance(found, Declined) and "libfsntfs does not open it" in found.reason


def test_a_crash_of_the_library_is_an_error_of_the_volume(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_self: NtfsReader, _inode: int) -> dict[str, int]:
        ctypes.string_at(0)
        return {}

    with monkeypatch.context() as patch:  # the worker is a copy of what is there when it begins
        patch.setattr(NtfsReader, "names", crash)
        with pytest.raises(BadImage, match=r"/dev/sda1: libfsntfs crashed \(SIGSEGV\)"):
            confined(image)
    assert confined(image).lookup("/content") is not None
