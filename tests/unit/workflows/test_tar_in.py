"""Unpacking archives: every kind of packing and of member, and none that leads out."""

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from imgtools.change.archive import unpacked_copies
from imgtools.change.change import MakeDirectory, MakeHardLink, MakeLink, MakeSpecial, SetXattr, Upload
from imgtools.change.document import parse_plan
from imgtools.errors import HostError, NotADirectory
from imgtools.records.request import Target
from imgtools.workflows.tar_in import tar_in
from imgtools.workflows.writing import PlanReport
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
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    return tar_in(request, Target(), path, io.BytesIO(stdin), to)


def uploads(report: PlanReport) -> list[Upload]:
    return [one.change for one in report.changes if isinstance(one.change, Upload)]


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
        MakeLink("/srv/d/soft", "../x", 7, 8, 1000 * 10**9),
        MakeHardLink("/srv/d/hard", "/srv/d/file"),
        MakeSpecial("/srv/d/pipe", "p", (0, 0), 0o4750, 7, 8, 1000 * 10**9),
    ]


@pytest.mark.host
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
        (member("etc/fstab"), b""),
        (member("hard", tarfile.LNKTYPE, "../../etc/fstab"), b""),
        (member("shadow", tarfile.LNKTYPE, "../../etc/shadow"), b""),
        (member("linked", tarfile.LNKTYPE, "out/fstab"), b""),
    )
    report = plan(monkeypatch, tar)
    assert [one.path for one in report.changes] == [
        "/srv/etc", "/srv/etc/absolute", "/srv/out", "/srv/etc/fstab", "/srv/hard",
    ]  # fmt: skip
    assert MakeHardLink("/srv/hard", "/srv/etc/fstab") in [one.change for one in report.changes]
    assert [one.path for one in report.warnings] == ["../../etc/above", "out/through", "shadow", "linked"]


def test_directories_that_the_archive_does_not_name_are_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    members = [member("a/b/one"), member("a/b/two"), member("a/b", tarfile.DIRTYPE), member("there/three")]
    tar = archive(tmp_path / "a.tar", *((one, b"") for one in members))
    monkeypatch.setitem(FILES, "/srv/there", directory())
    made = [one.change for one in plan(monkeypatch, tar).changes if isinstance(one.change, MakeDirectory)]
    assert made == [MakeDirectory("/srv/a"), MakeDirectory("/srv/a/b", 0o4750, 7, 8, 1000 * 10**9)]


def test_of_two_members_with_one_name_the_last_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As `tar -r` makes them."""
    tar = archive(tmp_path / "a.tar", (member("x"), b"old"), (member("y"), b""), (member("x"), b"newer"))
    assert [(one.path, one.size) for one in uploads(plan(monkeypatch, tar))] == [("/srv/y", 0), ("/srv/x", 5)]


def test_other_names_and_special_files_take_the_place_of_what_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(FILES, "/srv/b", "old")
    monkeypatch.setitem(FILES, "/srv/pipe", "old")
    members = [member("a"), member("b", tarfile.LNKTYPE, "a"), member("pipe", tarfile.FIFOTYPE)]
    report = plan(monkeypatch, archive(tmp_path / "a.tar", *((one, b"") for one in members)))
    assert [(one.kind, one.path) for one in report.changes] == [
        ("upload", "/srv/a"),
        ("make-hard-link", "/srv/b"),
        ("make-special", "/srv/pipe"),
    ]
    assert [one.change.replace for one in report.changes] == [False, True, True]  # type: ignore[union-attr]


@pytest.mark.host
@pytest.mark.parametrize("piped", [False, True])
def test_a_plan_of_a_packed_archive_can_be_carried_out_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, piped: bool
) -> None:
    """The unpacked copy that the plan was made from is gone by then."""
    tar = archive(tmp_path / "a.tar", (member("x"), b"content"), (member("y"), b"more"))
    packed = tmp_path / "a.tgz"
    packed.write_bytes(gzip.compress(tar.read_bytes()))
    report = plan(monkeypatch, None if piped else packed, stdin=packed.read_bytes())
    written = [{"kind": "truncate", "path": "/etc/fstab"}, *(one.as_json() for one in report.changes)]
    assert written[1]["host_path"] == ("-" if piped else str(packed))
    changes = parse_plan(written, tmp_path)
    with unpacked_copies(changes, io.BytesIO(packed.read_bytes())) as copies:
        found = [one for one in copies.changes if isinstance(one, Upload)]
        plain = found[0].host_path.read_bytes()
        assert [plain[one.offset : one.offset + one.size] for one in found] == [b"content", b"more"]
    assert not found[0].host_path.exists()


def test_what_is_no_archive_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a tar\n" * 100)
    with pytest.raises(HostError, match="not a tar archive"):
        plan(monkeypatch, tmp_path / "text")
    with pytest.raises(HostError, match="cannot read"):
        plan(monkeypatch, tmp_path / "none")
    with pytest.raises(NotADirectory):
        plan(monkeypatch, archive(tmp_path / "a.tar", (member("x"), b"")), "/etc/fstab")
