"""Packing guest files: what a real tar reads back."""

import io
import tarfile
from pathlib import Path

import pytest

from imgtools.errors import HostError
from imgtools.workflows.tar_out import tar_out
from tests.support.memory import Content, Node, link, memory_guest_image, serve

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


def test_a_file_that_is_there_is_not_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    request = serve(monkeypatch, "tar_out", memory_guest_image(FILES))
    path = tmp_path / "a.tar"
    path.write_text("mine")
    with pytest.raises(HostError, match="already there"):
        tar_out(request, "/data", path, io.BytesIO())
    assert path.read_text() == "mine"
