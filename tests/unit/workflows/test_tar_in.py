"""Unpacking archives: every kind of packing and of member, and none that leads out."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from imgtools.errors import HostError, NotADirectory
from imgtools.image.change import MakeHardLink, MakeLink, MakeSpecial, SetXattr, Upload
from imgtools.records import Target
from imgtools.workflows.edit_plan import PlanReport
from imgtools.workflows.tar_in import tar_in
from tests.support.memory import Content, directory, memory_guest_image, serve

FILES: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    "/srv": directory(),
}


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", **pax: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.uid, info.gid, info.mtime = kind, target, 0o4750, 7, 8, 1000
    info.pax_headers = dict(pax)
    return info


def plan(
    monkeypatch: pytest.MonkeyPatch, path: Path | None, to: str = "/srv", stdin: bytes = b""
) -> PlanReport:
    request = serve(monkeypatch, "edit_plan", memory_guest_image(FILES))
    return tar_in(request, Target(), path, io.BytesIO(stdin), to)


def test_every_kind_of_member_becomes_a_change(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tar = archive(
        tmp_path / "a.tar",
        (member("d/", tarfile.DIRTYPE), b""),
        (member("d/file", **{"SCHILY.xattr.user.note": "hi"}), b"content"),
        (member("d/soft", tarfile.SYMTYPE, "../x"), b""),
        (member("d/hard", tarfile.LNKTYPE, "d/file"), b""),
        (member("d/pipe", tarfile.FIFOTYPE), b""),
    )
    changes = [one.change for one in plan(monkeypatch, tar).changes]
    upload = changes[1]
    assert isinstance(upload, Upload)
    assert (upload.path, upload.mode, upload.uid, upload.gid, upload.mtime) == (
        "/srv/d/file",
        0o4750,
        7,
        8,
        1000 * 10**9,
    )
    assert tar.read_bytes()[upload.offset : upload.offset + upload.size] == b"content"
    assert changes[2:] == [
        SetXattr("/srv/d/file", "user.note", b"hi"),
        MakeLink("/srv/d/soft", "../x", 7, 8),
        MakeHardLink("/srv/d/hard", "/srv/d/file"),
        MakeSpecial("/srv/d/pipe", "p", (0, 0), 0o4750, 7, 8),
    ]


@pytest.mark.parametrize("packer", ["gzip", "xz", "bzip2", "zstd"])
def test_packed_archives_are_told_by_their_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, packer: str
) -> None:
    tar = archive(tmp_path / "a.tar", (member("x"), b"content"))
    packed = subprocess.run([packer, "-c", tar], capture_output=True, check=True).stdout
    (tmp_path / "any-name").write_bytes(packed)
    assert [one.path for one in plan(monkeypatch, tmp_path / "any-name").changes] == ["/srv/x"]
    assert [one.path for one in plan(monkeypatch, None, stdin=packed).changes] == ["/srv/x"]


def test_no_member_leads_out_of_the_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tar = archive(
        tmp_path / "a.tar",
        (member("/etc/absolute"), b""),
        (member("../../etc/above"), b""),
        (member("out", tarfile.SYMTYPE, "/etc"), b""),
        (member("out/through"), b""),
        (member("hard", tarfile.LNKTYPE, "../../etc/fstab"), b""),
    )
    report = plan(monkeypatch, tar)
    assert all(one.path.startswith("/srv/") for one in report.changes)
    assert MakeHardLink("/srv/hard", "/srv/etc/fstab") in [one.change for one in report.changes]
    assert [warning.path for warning in report.warnings] == ["out/through"]


def test_what_is_no_archive_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a tar\n" * 100)
    with pytest.raises(HostError, match="not a tar archive"):
        plan(monkeypatch, tmp_path / "text")
    with pytest.raises(HostError, match="cannot read"):
        plan(monkeypatch, tmp_path / "none")
    with pytest.raises(NotADirectory):
        plan(monkeypatch, archive(tmp_path / "a.tar", (member("x"), b"")), "/etc/fstab")
