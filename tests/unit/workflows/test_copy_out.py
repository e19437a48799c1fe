"""Copying out of a hostile guest: everything comes, and nothing gets out of the folder."""

import os
from pathlib import Path

import pytest

from imgtools.errors import HostError, NoSuchGuestFile
from imgtools.records.files import FileKind
from imgtools.workflows.copy_out import copy_out
from tests.support.memory import Content, Node, directory, link, memory_guest_image, serve

FILES: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    "/data/file": Node(content=b"hello", mode=0o640, mtime=10**18),
    "/data/su": Node(content=b"x", mode=0o4755),
    "/data/sparse": Node(content=b"\0" * (1 << 20) + b"end"),
    "/data/caf\udce9": "latin",
    "/data/link": link("/etc/shadow"),
    "/data/dir": directory(0o500),
    "/data/dir/deep": "deep",
    "/data/tty": Node(FileKind.CHARACTER),
}


def test_contents_modes_times_links_and_holes_come_along(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    request = serve(monkeypatch, "copy_out", memory_guest_image(FILES))
    report = copy_out(request, ["/data"], tmp_path, owners=False)
    copy = tmp_path / "data"
    assert (report.files, report.directories, report.links) == (5, 2, 1)
    assert (copy / "file").read_bytes() == b"hello"
    assert (copy / "file").stat().st_mode & 0o7777 == 0o640
    assert (copy / "file").stat().st_mtime_ns == 10**18
    assert (copy / "su").stat().st_mode & 0o7777 == 0o755
    assert (copy / "sparse").stat().st_size == (1 << 20) + 3
    assert (copy / "sparse").stat().st_blocks * 512 < 1 << 19
    assert (copy / "link").readlink() == Path("/etc/shadow")
    assert (copy / "dir").stat().st_mode & 0o777 == 0o500
    assert (copy / os.fsdecode(b"caf\xe9")).exists()
    assert not (copy / "tty").exists()
    assert [warning.path for warning in report.warnings] == ["/data/tty"]


def test_a_single_file_comes_under_its_own_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    request = serve(monkeypatch, "copy_out", memory_guest_image(FILES))
    copy_out(request, ["/data/dir/deep", "/data/link"], tmp_path)
    assert (tmp_path / "deep").read_text() == "deep"
    assert (tmp_path / "link").is_symlink()


def test_a_link_on_the_host_is_not_a_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (inside / "data").symlink_to(outside)
    request = serve(monkeypatch, "copy_out", memory_guest_image(FILES))
    with pytest.raises(HostError):
        copy_out(request, ["/data"], inside)
    assert list(outside.iterdir()) == []


def test_a_name_that_leads_upwards_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    image = memory_guest_image(FILES)
    evil = {**FILES, "/data/..": "gotcha"}
    image = memory_guest_image(evil)
    request = serve(monkeypatch, "copy_out", image)
    report = copy_out(request, ["/data"], tmp_path)
    assert any("not a file name" in warning.text for warning in report.warnings)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_nothing_is_copied_when_one_path_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    request = serve(monkeypatch, "copy_out", memory_guest_image(FILES))
    with pytest.raises(NoSuchGuestFile):
        copy_out(request, ["/data", "/none"], tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(HostError, match="no such folder"):
        copy_out(request, ["/data"], tmp_path / "none")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(HostError, match="exists"):
        copy_out(request, ["/data/file"], tmp_path)
    assert (tmp_path / "file").read_text() == "mine"
