"""A tar archive as changes: whatever its members are called, nothing is written outside its goal."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from imgtools.change import unpack
from imgtools.change.change import (
    Change,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Remove,
    SetXattr,
    Upload,
)
from imgtools.change.unpack import in_place_of, unpacked
from imgtools.errors import HostError
from imgtools.records.files import FileKind
from imgtools.records.system import Warned
from tests.support.memory import Node, directory, link, memory_files


def member(
    name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **facts: object
) -> tuple[tarfile.TarInfo, bytes]:
    found = tarfile.TarInfo(name)
    found.type, found.size, found.mode = kind, len(content), 0o644
    for fact, value in facts.items():
        setattr(found, fact, value)
    return found, content


def folder(name: str, **facts: object) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, tarfile.DIRTYPE, **{"mode": 0o755, **facts})


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "a.tar"


def changes(
    archive: Path, *members: tuple[tarfile.TarInfo, bytes], goal: str = "/srv", named: Path | None = None
) -> Sequence[Change | Warned]:
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as made:
        for one, content in members:
            made.addfile(one, io.BytesIO(content))
    return list(unpacked(archive, goal, named))


def test_every_kind_of_member(archive: Path) -> None:
    facts: dict[str, object] = {"mode": 0o104751, "uid": 3, "gid": 4, "mtime": 5.5}
    found = changes(
        archive,
        member("file", content=b"hello", **facts),
        member("link", tarfile.SYMTYPE, linkname="../../etc/x", **facts),
        member("name", tarfile.LNKTYPE, linkname="./file", **facts),
        member("char", tarfile.CHRTYPE, devmajor=1, devminor=3, **facts),
        member("block", tarfile.BLKTYPE, devmajor=8, devminor=1, **facts),
        member("fifo", tarfile.FIFOTYPE, **facts),
        folder("dir/", **facts),
        member("odd", b"Q", **facts),
    )
    at = found[0].offset  # type: ignore[union-attr]
    assert archive.read_bytes()[at : at + 5] == b"hello"
    assert found == [
        Upload("/srv/file", archive, 5, 0o4751, 3, 4, 5_500_000_000, at),
        MakeLink("/srv/link", "../../etc/x", 3, 4),
        MakeHardLink("/srv/name", "/srv/file"),
        MakeSpecial("/srv/char", "c", (1, 3), 0o4751, 3, 4),
        MakeSpecial("/srv/block", "b", (8, 1), 0o4751, 3, 4),
        MakeSpecial("/srv/fifo", "p", (0, 0), 0o4751, 3, 4),
        MakeDirectory("/srv/dir", 0o4751, 3, 4),
        Warned("left out: a kind of member that is not known", "odd"),
    ]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", "/srv/a"), ("./a", "/srv/a"), ("/etc/a", "/srv/etc/a"), ("../a", "/srv/a"), ("x/../../a", "/srv/x/a"),
        ("..", "/srv"), ("a//b", "/srv/a/b"), ("...", "/srv/..."), (".../.a", "/srv/.../.a"),
    ],
)  # fmt: skip
def test_no_name_leads_out_of_the_goal(archive: Path, name: str, path: str) -> None:
    found = [one for one in changes(archive, member(name)) if isinstance(one, Upload)]
    assert [one.path for one in found] == ([path] if path != "/srv" else [])
    (linked,) = [
        one
        for one in changes(archive, member("l", tarfile.LNKTYPE, linkname=name))
        if isinstance(one, MakeHardLink)
    ]
    assert linked.target == path


@pytest.mark.parametrize(("goal", "path"), [("/", "/a"), ("/srv/www", "/srv/www/a")])
def test_goals(archive: Path, goal: str, path: str) -> None:
    (found,) = changes(archive, member("a"), goal=goal)
    assert isinstance(found, Upload) and found.path == path


def test_folders_are_made_once_as_the_archive_wants_them(archive: Path) -> None:
    found = changes(
        archive, member("a/b/x"), member("a/c/y"), folder("a", mode=0o700, uid=1, gid=2), folder("./")
    )
    assert [one for one in found if isinstance(one, MakeDirectory)] == [
        MakeDirectory("/srv/a", 0o700, 1, 2), MakeDirectory("/srv/a/b"), MakeDirectory("/srv/a/c"),
    ]  # fmt: skip
    assert [one.path for one in found if isinstance(one, Upload)] == ["/srv/a/b/x", "/srv/a/c/y"]
    assert [type(one).__name__ for one in found] == [
        "MakeDirectory", "MakeDirectory", "Upload", "MakeDirectory", "Upload",
    ]  # fmt: skip
    assert changes(archive, folder("."), goal="/srv") == []


def test_of_members_with_one_name_the_last_counts(archive: Path) -> None:
    found = changes(archive, member("a", content=b"1"), member("b"), member("./a", content=b"22"))
    assert [(one.path, one.size) for one in found if isinstance(one, Upload)] == [
        ("/srv/b", 0),
        ("/srv/a", 2),
    ]
    (last,) = changes(archive, folder("x", mode=0o700), folder("x", mode=0o711))
    assert last == MakeDirectory("/srv/x", 0o711)


def test_nothing_is_written_through_a_link_of_the_archive(archive: Path) -> None:
    """It would be written wherever the link leads."""
    out = member("out", tarfile.SYMTYPE, linkname="/etc")
    left = "left out: it would be written through a link of the archive"
    found = changes(
        archive, out, member("out/passwd"), member("out/deep/x"), folder("out/d"), member("outer/x")
    )
    assert found[0] == MakeLink("/srv/out", "/etc", 0, 0)
    assert found[1:4] == [Warned(left, "out/passwd"), Warned(left, "out/deep/x"), Warned(left, "out/d")]
    assert [one.path for one in found[4:]] == ["/srv/outer", "/srv/outer/x"]  # type: ignore[union-attr]


def test_a_link_that_is_replaced_by_a_folder_is_none(archive: Path) -> None:
    out = member("out", tarfile.SYMTYPE, linkname="/etc")
    found = changes(archive, out, folder("out"), member("out/x"))
    assert [type(one) for one in found] == [MakeDirectory, Upload]
    found = changes(archive, member("x", tarfile.SYMTYPE, linkname="/a"), member("y/x"))
    assert not any(isinstance(one, Warned) for one in found)


def test_attributes_of_members(archive: Path) -> None:
    headers = {"SCHILY.xattr.user.a": "v", "SCHILY.xattr.security.selinux": "\udcff", "comment": "no"}
    found = changes(archive, member("a", pax_headers=headers))
    assert found[1:] == [
        SetXattr("/srv/a", "user.a", b"v"),
        SetXattr("/srv/a", "security.selinux", b"\xff"),
    ]


def test_an_archive_has_so_many_members(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unpack.MAX_MEMBERS == 5_000_000
    monkeypatch.setattr(unpack, "MAX_MEMBERS", 3)
    assert len(changes(archive, *(member(name) for name in "abc"))) == 3
    with pytest.raises(HostError, match=r"^x\.tgz has more than 3 members$"):
        changes(archive, *(member(name) for name in "abcd"), named=Path("x.tgz"))


@pytest.mark.parametrize(("named", "shown"), [(None, "standard input"), (Path("x.tgz"), "x.tgz")])
@pytest.mark.parametrize("content", [b"no archive" * 100, b"x"])
def test_what_is_no_archive_is_named(archive: Path, named: Path | None, shown: str, content: bytes) -> None:
    archive.write_bytes(content)
    with pytest.raises(HostError, match=f"^not a tar archive, or damaged: {shown}: "):
        list(unpacked(archive, "/srv", named))


def test_an_archive_that_is_cut_is_named(archive: Path) -> None:
    changes(archive, member("a", content=b"1" * 3000), member("b"))
    archive.write_bytes(archive.read_bytes()[:1800])
    with pytest.raises(HostError, match="damaged: standard input: unexpected end of data"):
        list(unpacked(archive, "/srv", None))
    with pytest.raises(HostError, match="No such file"):
        list(unpacked(archive.with_name("none"), "/srv", None))


def test_changes_take_the_place_of_what_is_there() -> None:
    files = memory_files({"/d": directory(), "/f": "123", "/p": Node(FileKind.FIFO), "/l": link("/f")})
    wanted: list[Change | Warned] = [
        MakeDirectory("/d"), MakeDirectory("/f"), MakeDirectory("/new"),
        MakeHardLink("/f", "/x"), MakeHardLink("/d", "/x"), MakeHardLink("/none", "/x"), MakeHardLink("/l", "/x"),
        MakeSpecial("/p", "p"), MakeLink("/f", "x"), Warned("w"),
    ]  # fmt: skip
    assert list(in_place_of(wanted, files)) == [
        *wanted[1:3], Remove("/f", size=3), *wanted[3:6], Remove("/l", size=2), wanted[6],
        Remove("/p"), *wanted[7:],
    ]  # fmt: skip
