"""ext4 written by a worker: contents, facts and refusals come through, and a crash is an error of the volume."""

from __future__ import annotations

import ctypes
import io
from pathlib import Path

import pytest

from imgtools.engine.confined.ext import ExtWriter
from imgtools.engine.direct.e2fsck import check_ext
from imgtools.errors import BadImage, EditFailed, HostError
from imgtools.filesystems.api import CannotWrite
from imgtools.filesystems.ext import writer as own
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind
from tests.support.volumes import blank, tool

pytestmark = pytest.mark.host

CONTENT = bytes(range(256)) * 12_000  # three pieces


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = blank(tmp_path / "disk", 16 << 20)
    tool("mkfs.ext4", "-q", path)
    return path


def test_what_is_written_is_there(volume: Path) -> None:
    writer = ExtWriter(volume, "/dev/sda1", check_ext)
    writer.make_directory("/d", 0o750)
    writer.write("/d/file", io.BytesIO(CONTENT))
    writer.write("/d/empty", io.BytesIO())
    writer.set_xattr("/d/file", "user.x", b"y")
    writer.make_special("/d/pipe", FileKind.FIFO, (0, 0), 0o600)
    writer.set_times("/d/file", 1_000_000_007, 2_000_000_009)
    assert sorted(entry.name for entry in writer.scan("/d")) == ["empty", "file", "pipe"]
    with writer.open("/d/file") as file:
        assert file.read() == CONTENT
    found = writer.lookup("/d/file")
    assert found is not None and (found.size, found.mtime) == (len(CONTENT), 2_000_000_009)
    assert writer.lookup("/none") is None
    assert writer.xattrs("/d/file") == {"user.x": b"y"}
    assert writer.usage().size > 10 << 20
    writer.finish()
    assert "file" in tool("debugfs", "-R", "ls -p /d", volume)


def test_what_it_refuses_is_refused_here(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*_: object) -> None:
        raise CannotWrite(Declined("/dev/sda1", "it is odd"))

    monkeypatch.setattr(own.ExtWriter, "truncate", leave)
    writer = ExtWriter(volume, "/dev/sda1", check_ext)
    with pytest.raises(EditFailed, match="not a name"):
        writer.make_directory(f"/{'x' * 300}", 0o755)
    with pytest.raises(CannotWrite, match="it is odd"):
        writer.truncate("/lost+found")
    writer.abandon()


def test_a_source_that_fails_is_its_own_error(volume: Path) -> None:
    class Failing(io.RawIOBase):
        left = 2

        def read(self, size: int = -1, /) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise HostError("the disk is on fire")
            return b"x" * size

    writer = ExtWriter(volume, "/dev/sda1", check_ext)
    with pytest.raises(HostError, match="on fire"):
        writer.write("/file", Failing())  # type: ignore[arg-type]
    assert writer.lookup("/lost+found") is not None  # the conversation goes on
    writer.abandon()


def test_a_crash_of_the_library_is_an_error_of_the_volume(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own.ExtWriter, "make_directory", lambda *_: ctypes.string_at(0))
    monkeypatch.setattr(own.ExtWriter, "write", lambda *_: ctypes.string_at(0))
    for change in (
        lambda writer: writer.make_directory("/d", 0o755),
        lambda writer: writer.write("/f", io.BytesIO(CONTENT)),
    ):
        writer = ExtWriter(volume, "/dev/sda1", check_ext)
        with pytest.raises(BadImage, match=r"/dev/sda1: libext2fs crashed \(SIGSEGV\)"):
            change(writer)
        writer.abandon()
