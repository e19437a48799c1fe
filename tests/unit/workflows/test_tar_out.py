"""Packing guest files: what a real tar reads back."""

import errno
import io
import os
import stat
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.errors import HostError
from imgtools.records.files import FileStat
from imgtools.records.image import Layer
from imgtools.workflows.tar_out import tar_out
from tests.support.memory import (
    Content,
    MemoryFilesystem,
    MemorySession,
    Node,
    link,
    memory_guest_image,
    memory_image,
    memory_volume,
    serve,
)

FILES: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
    "/data/file": Node(content=b"hello", mode=0o4750, uid=1000, mtime=5 * 10**9, xattrs={"user.note": b"hi"}),
    "/data/link": link("file"),
    "/data/sub/deep": "deep",
}


@pytest.mark.host
@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_names_are_relative_and_facts_are_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str
) -> None:
    request = serve(monkeypatch, "tar_out", memory_guest_image(FILES))
    path = tmp_path / f"data.{ending}"
    report = tar_out(request, "/data", path, io.BytesIO())
    with tarfile.open(path) as archive:
        assert archive.getnames() == [".", "file", "link", "sub", "sub/deep"]
        member = archive.getmember("file")
        assert (member.mode, member.uid, member.uname, member.mtime) == (0o4750, 1000, "alice", 5)
        assert member.pax_headers["SCHILY.xattr.user.note"] == "hi"
        assert archive.extractfile("sub/deep").read() == b"deep"  # type: ignore[union-attr]
        assert archive.getmember("link").linkname == "file"
    assert (report.members, report.size) == (5, 9)
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_may_go_to_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "tar_out", memory_guest_image(FILES))
    stream = io.BytesIO()
    tar_out(request, "/data/file", None, stream)
    stream.seek(0)
    assert tarfile.open(fileobj=stream).getnames() == ["file"]  # noqa: SIM115


class Numbered(MemoryFilesystem):
    """A filesystem in which what is called `same` has two names, and the number 12, in each of its trees."""

    def lookup(self, path: str) -> FileStat | None:
        facts = super().lookup(path)
        if facts is None or "same" not in path:
            return facts
        return replace(facts, links=2, inode=12, tree=1 if "/snapshot/" in path else 0)


def test_names_of_one_file_are_links_and_those_of_two_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two filesystems of a guest, or two subvolumes of one, give the same numbers to files of their own."""
    root: dict[str, Content] = {
        "/boot/below": "",
        "/usr/same": "of the root",
        "/usr/same-too": "of the root",
        "/snapshot/same": "of a snapshot",
    }
    boot: dict[str, Content] = {"/same": "of /boot", "/same-too": "of /boot"}
    volumes = {memory_volume(): Numbered(root), memory_volume("/dev/sda2"): Numbered(boot)}
    request = serve(monkeypatch, "tar_out", memory_image(MemorySession(volumes)))
    request = replace(request, mounts=("/dev/sda1:/", "/dev/sda2:/boot"))
    stream = io.BytesIO()
    tar_out(request, "/", None, stream)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        links = {one.name: one.linkname for one in archive if one.islnk()}
        content = {name: archive.extractfile(name).read() for name in archive.getnames() if "same" in name}  # type: ignore[union-attr]
    assert links["usr/same-too"] == "usr/same" and links["boot/same-too"] == "boot/same"
    assert content["usr/same"] == content["usr/same-too"] == b"of the root"
    assert content["boot/same"] == content["boot/same-too"] == b"of /boot"
    assert content["snapshot/same"] == b"of a snapshot"


class Holed(io.BytesIO):
    """A file of 3 MiB with data in its middle."""

    def __init__(self) -> None:
        super().__init__(bytes(1 << 20) + b"x" * 4096 + bytes((2 << 20) - 4096))
        self.asked = 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence == os.SEEK_DATA:
            if offset >= (1 << 20) + 4096:
                raise OSError(errno.ENXIO, "no data")
            return super().seek(max(offset, 1 << 20))
        return super().seek(
            (1 << 20) + 4096 if whence == os.SEEK_HOLE else offset, 0 if whence > 2 else whence
        )

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.asked += len(found)
        return found


@pytest.mark.host
def test_holes_are_neither_read_nor_packed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    holed = Holed()
    size = len(holed.getvalue())
    content = holed.getvalue()
    image = memory_guest_image({**FILES, "/data/holed": Node(content=content)})
    request = serve(monkeypatch, "tar_out", image)
    old = MemoryFilesystem.open
    monkeypatch.setattr(
        MemoryFilesystem, "open", lambda self, path: holed if path == "/data/holed" else old(self, path)
    )
    report = tar_out(request, "/data", tmp_path / "a.tar", io.BytesIO())
    assert holed.asked == 4096 and report.size == size + 9
    assert (tmp_path / "a.tar").stat().st_size < 100_000
    (goal := tmp_path / "goal").mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "a.tar", "-C", goal], check=True)
    assert (goal / "holed").read_bytes() == content and (goal / "sub" / "deep").read_bytes() == b"deep"


def test_an_archive_is_no_more_open_than_its_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (disk := tmp_path / "disk.img").touch()
    (base := tmp_path / "base.img").touch()
    image = memory_guest_image(FILES)
    layers = tuple(Layer(path, "raw", 0, 0) for path in (disk, base))
    image.infos = (replace(image.infos[0], chain=layers),)
    request = serve(monkeypatch, "tar_out", image)
    for number, (mode, other, expected) in enumerate(
        [(0o644, 0o644, 0o644), (0o600, 0o644, 0o600), (0o640, 0o604, 0o600), (0o400, 0o644, 0o600)]
    ):
        disk.chmod(mode)
        base.chmod(other)
        before = os.umask(0o022)
        tar_out(request, "/data", tmp_path / f"{number}.tar", io.BytesIO())
        os.umask(before)
        assert stat.S_IMODE((tmp_path / f"{number}.tar").stat().st_mode) == expected


def test_nothing_is_written_through_what_was_planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (mine := tmp_path / "mine").write_text("mine")
    (tmp_path / ".a.tar.part").symlink_to(mine)
    request = serve(monkeypatch, "tar_out", memory_guest_image(FILES))
    tar_out(request, "/data", tmp_path / "a.tar", io.BytesIO())
    assert mine.read_text() == "mine" and not (tmp_path / "a.tar").is_symlink()
    (tmp_path / "b.tar").symlink_to(tmp_path / "nowhere")
    with pytest.raises(HostError, match="there already"):
        tar_out(request, "/data", tmp_path / "b.tar", io.BytesIO())
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_is_there_is_not_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    request = serve(monkeypatch, "tar_out", memory_guest_image(FILES))
    path = tmp_path / "a.tar"
    path.write_text("mine")
    with pytest.raises(HostError, match="there already"):
        tar_out(request, "/data", path, io.BytesIO())
    assert path.read_text() == "mine"
