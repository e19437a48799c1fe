"""Files that cannot be read: what every command that reads many of them does then."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import pytest

from imgtools.errors import BadImage, OddGuest
from imgtools.files.refused import MOST, RefusedFiles
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.request import ImageRequest
from imgtools.workflows.copy_out import copy_out
from imgtools.workflows.find import Wanted, find_files
from imgtools.workflows.ls import list_files
from imgtools.workflows.tar_out import tar_out
from tests.support.memory import (
    Content,
    MemoryFilesystem,
    MemorySession,
    directory,
    link,
    memory_image,
    memory_volume,
    serve,
)

FILES: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    "/data/a-good": "good",
    "/data/bad-content": b"x" * 5000,
    "/data/bad-directory": directory(),
    "/data/bad-inode": "",
    "/data/bad-link": link("target"),
    "/data/cannot-open": "",
    "/data/z-good": "good too",
}
# What a walk meets, less what each command leaves out.
ALL = sorted(path for path in FILES if path.startswith("/data/"))


class Cut(io.BytesIO):
    """A file whose second thousand bytes lie beyond the volume."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() + (size if size is not None and size >= 0 else 1 << 30) > 1000:
            raise BadImage("the filesystem names byte 9")
        return super().read(size)


class DamagedFilesystem(MemoryFilesystem):
    """One damaged file of each kind, below /data."""

    def lookup(self, path: str) -> FileStat | None:
        if path == "/data/bad-inode":
            return FileStat(FileKind.UNKNOWN, 0, 0, links=0)
        return super().lookup(path)

    def scan(self, path: str) -> Sequence[FileEntry]:
        if path == "/data/bad-directory":
            raise OddGuest("the directory has a hole")
        return super().scan(path)

    def read_link(self, path: str) -> str:
        if path == "/data/bad-link":
            raise BadImage("the filesystem names byte 1024000000100")
        return super().read_link(path)

    def open(self, path: str) -> BinaryIO:
        if path == "/data/cannot-open":
            raise OddGuest("a bad extent tree")
        return Cut(b"x" * 5000) if path == "/data/bad-content" else super().open(path)

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        if path == "/data/z-good":
            raise OddGuest("attributes without a magic number")
        return super().xattrs(path)


def served(monkeypatch: pytest.MonkeyPatch, workflow: str) -> ImageRequest:
    return serve(
        monkeypatch, workflow, memory_image(MemorySession({memory_volume(): DamagedFilesystem(FILES)}))
    )


def test_one_damaged_file_does_not_end_a_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    report = list_files(served(monkeypatch, "ls"), "/data", recursive=True, checksum="md5")
    assert [file.path for file in report.files] == ["/data", *ALL]
    assert [(one.path, one.text) for one in report.warnings] == [
        ("/data/bad-content", "cannot be read: the filesystem names byte 9"),
        ("/data/bad-directory", "cannot be read: the directory has a hole"),
        ("/data/bad-inode", "cannot be read: its inode is damaged"),
        ("/data/bad-link", "cannot be read: the filesystem names byte 1024000000100"),
        ("/data/cannot-open", "cannot be read: a bad extent tree"),
    ]
    assert report.incomplete
    assert {file.name: bool(file.checksum) for file in report.files}["/data/z-good"]


def test_one_directory_that_is_listed_has_its_good_names(monkeypatch: pytest.MonkeyPatch) -> None:
    report = list_files(served(monkeypatch, "ls"), "/data")
    assert [file.path for file in report.files] == ALL
    assert [one.path for one in report.warnings] == ["/data/bad-inode", "/data/bad-link"]


def test_the_directory_that_was_asked_for_must_be_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OddGuest, match="has a hole"):
        list_files(served(monkeypatch, "ls"), "/data/bad-directory")


def test_what_is_whole_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    report = list_files(served(monkeypatch, "ls"), "/etc", recursive=True)
    assert (report.warnings, report.incomplete) == ((), False)


def test_one_damaged_file_does_not_end_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    report = find_files(served(monkeypatch, "find"), "/data", Wanted(contains="good"))
    assert [file.path for file in report.files] == ["/data/a-good", "/data/z-good"]
    assert [one.path for one in report.warnings] == [
        "/data/bad-content", "/data/bad-directory", "/data/bad-inode", "/data/cannot-open",
    ]  # fmt: skip
    assert report.incomplete


def test_one_damaged_file_does_not_end_an_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.BytesIO()
    report = tar_out(served(monkeypatch, "tar_out"), "/data", None, target)
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        found = {member.name: member for member in archive}
        cut = archive.extractfile("bad-content")
        assert cut is not None
        content = cut.read()
    assert set(found) == {".", "a-good", "bad-content", "bad-directory", "z-good"}
    assert len(content) == 5000 and content.strip(b"x\0") == b"", "the member is as long as its header says"
    assert {one.path.rpartition("/")[2] for one in report.warnings} == {
        "bad-content", "bad-directory", "bad-inode", "bad-link", "cannot-open", "z-good",
    }  # fmt: skip
    assert "zeros" in next(one.text for one in report.warnings if one.path == "/data/bad-content")
    assert report.incomplete


def test_one_damaged_file_does_not_end_a_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report = copy_out(served(monkeypatch, "copy_out"), ["/data"], tmp_path, owners=False)
    names = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert names == ["a-good", "bad-directory", "z-good"], "a part of a file is no copy of it"
    assert len(report.warnings) == 5 and report.incomplete


def test_a_list_of_accounts_that_is_too_large_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        **FILES,
        "/etc/passwd": "x" * ((8 << 20) + 1),
        "/etc/group": "root:x:0:\nodd:x:" + "9" * 5000 + ":\n",
    }
    image = memory_image(MemorySession({memory_volume(): MemoryFilesystem(files)}))
    report = list_files(serve(monkeypatch, "ls", image), "/etc")
    assert len(report.files) == 4
    assert (report.users, report.groups) == ((), ((0, "root"),))
    assert [(one.path, one.text) for one in report.warnings] == [
        ("/etc/passwd", "cannot be read: larger than 8388608 bytes: /etc/passwd")
    ]


def test_warnings_of_a_failing_disk_are_counted_and_not_kept() -> None:
    refused = RefusedFiles()
    for number in range(MOST + 5):
        refused(f"/{number}", "lost")
    assert len(refused.warnings) == MOST + 1
    assert refused.warnings[-1].text == "5 more files cannot be read"
