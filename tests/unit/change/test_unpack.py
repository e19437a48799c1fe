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
    DataPart,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Remove,
    SetXattr,
    Upload,
)
from imgtools.change.unpack import unpacked
from imgtools.errors import HostError
from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind
from imgtools.records.system import Warned
from tests.support.archives import END
from tests.support.archives import member as raw_member
from tests.support.memory import Node, directory, link, memory_files

FILES = memory_files({"/srv": directory(), "/etc/passwd": "root"})


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
    archive: Path,
    *members: tuple[tarfile.TarInfo, bytes],
    goal: str = "/srv",
    named: Path | None = None,
    files: GuestReader = FILES,
) -> Sequence[Change | Warned]:
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as made:
        for one, content in members:
            made.addfile(one, io.BytesIO(content))
    return list(unpacked(archive, goal, named, files))


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
    at = found[1].offset  # type: ignore[union-attr]
    assert archive.read_bytes()[at : at + 5] == b"hello"
    assert found == [
        Warned("taken as a file: a kind of member that is not known", "odd"),
        Upload("/srv/file", archive, 5, 0o4751, 3, 4, TIME, at),
        MakeLink("/srv/link", "../../etc/x", 3, 4, TIME),
        MakeHardLink("/srv/name", "/srv/file"),
        MakeSpecial("/srv/char", "c", (1, 3), 0o4751, 3, 4, TIME),
        MakeSpecial("/srv/block", "b", (8, 1), 0o4751, 3, 4, TIME),
        MakeSpecial("/srv/fifo", "p", (0, 0), 0o4751, 3, 4, TIME),
        MakeDirectory("/srv/dir", 0o4751, 3, 4, TIME),
        Upload("/srv/odd", archive, 0, 0o4751, 3, 4, TIME, found[-1].offset),  # type: ignore[union-attr]
    ]


TIME = 5_500_000_000


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", "/srv/a"), ("./a", "/srv/a"), ("/etc/a", "/srv/etc/a"), ("a//b", "/srv/a/b"), ("...", "/srv/..."),
        (".../.a", "/srv/.../.a"), ("..a", "/srv/..a"), ("a/./b", "/srv/a/b"),
    ],
)  # fmt: skip
def test_names_begin_at_the_goal(archive: Path, name: str, path: str) -> None:
    assert [one.path for one in changes(archive, member(name)) if isinstance(one, Upload)] == [path]


@pytest.mark.parametrize("name", ["../a", "x/../../a", "..", "a/..", "/../a", "a/../b"])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE])
def test_names_that_lead_upwards_are_left_out(archive: Path, name: str, kind: bytes) -> None:
    found = changes(archive, member(name, kind, linkname="x"), member("b"))
    assert found[0] == Warned(
        "left out: its name leads upwards", name if kind != tarfile.DIRTYPE else f"{name}/"
    )
    assert [one.path for one in found[1:]] == ["/srv/b"]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["/", ".", "./", "//"])
def test_a_file_has_a_name(archive: Path, name: str) -> None:
    (found,) = changes(archive, member(name, tarfile.FIFOTYPE))
    assert found == Warned("left out: it has no name", name)
    assert changes(archive, folder(name)) == []


@pytest.mark.parametrize(("goal", "path"), [("/", "/a"), ("/srv/www", "/srv/www/a")])
def test_goals(archive: Path, goal: str, path: str) -> None:
    (found,) = changes(archive, member("a"), goal=goal)
    assert isinstance(found, Upload) and found.path == path


def test_folders_are_made_once_as_the_archive_wants_them(archive: Path) -> None:
    found = changes(
        archive,
        member("a/b/x"),
        member("a/c/y"),
        folder("a", mode=0o700, uid=1, gid=2, mtime=3),
        folder("./"),
    )
    assert [one for one in found if isinstance(one, MakeDirectory)] == [
        MakeDirectory("/srv/a", 0o700, 1, 2, 3 * 10**9), MakeDirectory("/srv/a/b"), MakeDirectory("/srv/a/c"),
    ]  # fmt: skip
    assert [one.path for one in found if isinstance(one, Upload)] == ["/srv/a/b/x", "/srv/a/c/y"]
    assert [type(one).__name__ for one in found] == [
        "MakeDirectory", "MakeDirectory", "Upload", "MakeDirectory", "Upload",
    ]  # fmt: skip


def test_of_members_with_one_name_the_last_counts(archive: Path) -> None:
    found = changes(archive, member("a", content=b"1"), member("b"), member("./a", content=b"22"))
    assert [(one.path, one.size) for one in found if isinstance(one, Upload)] == [
        ("/srv/b", 0),
        ("/srv/a", 2),
    ]
    (last,) = changes(archive, folder("x", mode=0o700), folder("x", mode=0o711))
    assert last == MakeDirectory("/srv/x", 0o711, 0, 0, 0)


def test_nothing_is_written_through_a_link_that_leads_away(archive: Path) -> None:
    left = "left out: it would be written through a link of the archive"
    for target in ("/etc", "../etc", "x/../..", ".."):
        out = member("out", tarfile.SYMTYPE, linkname=target)
        found = changes(archive, out, member("out/passwd"), folder("out/d"), member("outer/x"))
        assert found[:2] == [Warned(left, "out/passwd"), Warned(left, "out/d/")]
        assert found[2] == MakeLink("/srv/out", target, 0, 0, 0)
        assert [one.path for one in found[3:]] == ["/srv/outer", "/srv/outer/x"]  # type: ignore[union-attr]


def test_other_links_of_the_archive_are_followed(archive: Path) -> None:
    links = (member("l", tarfile.SYMTYPE, linkname="./d//e"), member("m", tarfile.SYMTYPE, linkname="l"))
    found = changes(archive, folder("d/e"), *links, member("m/x"), member("l/y/z"))
    assert [one.path for one in found] == [  # type: ignore[union-attr]
        "/srv/d", "/srv/d/e", "/srv/l", "/srv/m", "/srv/d/e/x", "/srv/d/e/y", "/srv/d/e/y/z",
    ]  # fmt: skip
    nowhere = changes(archive, member("l", tarfile.SYMTYPE, linkname="d/e"), member("l/x"))
    assert nowhere[0] == Warned("left out: there is no directory /srv/d", "l/x")
    circle = (member("a", tarfile.SYMTYPE, linkname="b"), member("b", tarfile.SYMTYPE, linkname="a"))
    assert changes(archive, *circle, member("a/x"))[0] == Warned("left out: too many symbolic links", "a/x")


def test_links_of_the_guest_are_followed_above_and_replaced_at_the_end(archive: Path) -> None:
    files = memory_files({
        "/srv": directory(), "/data/deep": directory(), "/etc/passwd": "x", "/srv/d": link("/data"),
        "/srv/f": link("/etc/passwd"), "/srv/none": link("/nothing"), "/data/up": link("deep"),
    })  # fmt: skip
    found = changes(
        archive, member("d/x"), member("d/up/y"), member("f"), member("none/x"), member("f/x"), files=files
    )
    assert found[:2] == [
        Warned("left out: /srv/none is no directory", "none/x"), Warned("left out: /srv/f is no directory", "f/x")
    ]  # fmt: skip
    uploads = [(one.path, one.replace) for one in found if isinstance(one, Upload)]
    assert uploads == [("/data/x", False), ("/data/deep/y", False), ("/srv/f", True)]
    assert changes(archive, folder("d"), folder("d/up"), files=files) == []
    (made,) = changes(archive, folder("none"), files=files)
    assert made == MakeDirectory("/srv/none", 0o755, 0, 0, 0, replace=True)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
@pytest.mark.parametrize("there", ["file", "link", "fifo", "none"])
def test_what_is_there_is_replaced(archive: Path, kind: bytes, there: str) -> None:
    files = memory_files({
        "/srv/file": "x", "/srv/link": link("file"), "/srv/fifo": Node(FileKind.FIFO), "/srv/target": "t"
    })  # fmt: skip
    (made,) = changes(archive, member(there, kind, linkname="target"), files=files)
    assert made.replace is (there != "none")  # type: ignore[union-attr]


def test_directories_are_replaced_if_nothing_is_in_them(archive: Path) -> None:
    files = memory_files({"/srv/empty": directory(), "/srv/full/x": "x", "/srv/soft": directory()})
    full = Warned("left out: a directory that is not empty is in its place", "full")
    found = changes(
        archive, member("empty"), member("full"), member("soft", tarfile.SYMTYPE, linkname="x"), files=files
    )
    assert found[0] == full and found[2:] == [Remove("/srv/soft"), MakeLink("/srv/soft", "x", 0, 0, 0)]
    assert isinstance(found[1], Upload) and found[1].replace
    made = changes(
        archive,
        folder("d"),
        member("d"),
        folder("e"),
        member("e/x"),
        member("e"),
        member("empty/x"),
        member("empty"),
        files=files,
    )
    assert [one.path for one in made if isinstance(one, Warned)] == ["e", "empty"]
    assert [one.path for one in made if isinstance(one, Upload)] == ["/srv/d", "/srv/e/x", "/srv/empty/x"]


def test_what_is_below_a_file_is_left_out(archive: Path) -> None:
    found = changes(archive, member("a"), member("a/x"), member("a/y/z"))
    assert found[:2] == [
        Warned("left out: /srv/a is no directory", "a/x"),
        Warned("left out: /srv/a is no directory", "a/y/z"),
    ]
    assert changes(archive, member("passwd/x"), goal="/etc")[0] == Warned(
        "left out: /etc/passwd is no directory", "passwd/x"
    )


def test_a_link_that_is_replaced_by_a_folder_is_none(archive: Path) -> None:
    out = member("out", tarfile.SYMTYPE, linkname="/etc")
    found = changes(archive, out, folder("out"), member("out/x"))
    assert [type(one) for one in found] == [MakeDirectory, Upload]
    found = changes(archive, member("x", tarfile.SYMTYPE, linkname="/a"), member("y/x"))
    assert not any(isinstance(one, Warned) for one in found)


def hard(name: str, target: str, **facts: object) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, tarfile.LNKTYPE, linkname=target, **facts)


def test_a_hard_link_is_to_what_its_target_was(archive: Path) -> None:
    found = changes(
        archive, member("a", content=b"1"), hard("b", "a"), hard("c", "./b"), member("a", content=b"22")
    )
    assert [(type(one), one.path) for one in found] == [  # type: ignore[union-attr]
        (Upload, "/srv/b"), (MakeHardLink, "/srv/c"), (Upload, "/srv/a"),
    ]  # fmt: skip
    assert [one.size for one in found if isinstance(one, Upload)] == [1, 2]
    assert found[1] == MakeHardLink("/srv/c", "/srv/b")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("none", "it is not there"), ("none/x", "there is no directory /srv/none"), ("d", "it is a directory"),
        ("away/passwd", "it would be written through a link of the archive"), ("a/x", "/srv/a is no directory"),
        ("guest/passwd", "it leads out of /srv"), ("..", "it is a directory"), ("", "it is a directory"),
    ],
)  # fmt: skip
def test_hard_links_that_are_not_made(archive: Path, target: str, why: str) -> None:
    files = memory_files({"/srv/guest": link("/etc"), "/etc/passwd": "root"})
    away = member("away", tarfile.SYMTYPE, linkname="/etc")
    found = changes(archive, member("a"), folder("d"), away, hard("b", target), files=files)
    assert found[0] == Warned(f"left out: no hard link to {target} can be made: {why}", "b")
    assert len(found) == 4


def test_hard_links_to_whatever_is_no_directory(archive: Path) -> None:
    files = memory_files({"/srv/there": "x", "/srv/l": link("there")})
    soft = member("soft", tarfile.SYMTYPE, linkname="/x")
    found = changes(archive, soft, hard("b", "soft"), hard("c", "/there"), hard("d", "x/../l"), files=files)
    assert found[1:] == [
        MakeHardLink("/srv/b", "/srv/soft"), MakeHardLink("/srv/c", "/srv/there"), MakeHardLink("/srv/d", "/srv/l"),
    ]  # fmt: skip
    assert changes(archive, member("a"), hard("a", "a"))[1:] == []
    (made,) = changes(archive, hard("l", "there"), files=files)
    assert made == MakeHardLink("/srv/l", "/srv/there", replace=True)


def test_a_hard_link_changes_nothing_of_its_target(archive: Path) -> None:
    found = changes(
        archive, member("a"), hard("b", "a", mode=0o4777, pax_headers={"SCHILY.xattr.user.a": "x"})
    )
    assert [type(one) for one in found] == [Upload, MakeHardLink]


def test_links_lead_somewhere(archive: Path) -> None:
    (found,) = changes(archive, member("l", tarfile.SYMTYPE))
    assert found == Warned("left out: a link that leads nowhere", "l")


@pytest.mark.parametrize("name", ["n" * 256, "n" * 256 + "/x", "x/" + "ü" * 128])
def test_names_that_no_filesystem_takes(archive: Path, name: str) -> None:
    found = changes(archive, member(name), member("n" * 255))
    assert found[0] == Warned("left out: a part of its name has more than 255 bytes", name)
    assert found[-1].path == "/srv/" + "n" * 255  # type: ignore[union-attr]


def test_sparse_members_have_their_map(archive: Path) -> None:
    archive.write_bytes(
        raw_member("s", content=b"12345", pax={"GNU.sparse.size": "99", "GNU.sparse.map": "10,5"}) + END
    )
    (found,) = unpacked(archive, "/srv", None, FILES)
    assert isinstance(found, Upload) and (found.size, found.parts) == (99, (DataPart(10, 5),))


def test_attributes_of_members(archive: Path) -> None:
    headers = {"SCHILY.xattr.user.a": "v", "SCHILY.xattr.security.selinux": "\udcff", "comment": "no"}
    found = changes(archive, member("a", pax_headers=headers))
    assert found[1:] == [
        SetXattr("/srv/a", "user.a", b"v"),
        SetXattr("/srv/a", "security.selinux", b"\xff"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("", "v", "no name of an attribute: ''"), ("user.", "v", "no name of an attribute: 'user.'"),
        ("other.a", "v", "no name of an attribute: 'other.a'"), ("user", "v", "no name of an attribute: 'user'"),
        ("user." + "n" * 251, "v", f"no name of an attribute: 'user.{'n' * 35}'"),
        ("user.a", "v" * 65_537, "the attribute user.a of 65537 bytes"),
    ],
)  # fmt: skip
def test_attributes_that_are_left_out(archive: Path, name: str, value: str, why: str) -> None:
    found = changes(archive, member("a", pax_headers={f"SCHILY.xattr.{name}": value}))
    assert found[1:] == [Warned(f"left out: {why}", "/srv/a")]


@pytest.mark.parametrize("name", ["user." + "n" * 250, "trusted.a", "security.b", "system.c"])
def test_attributes_that_are_set(archive: Path, name: str) -> None:
    found = changes(archive, member("a", pax_headers={f"SCHILY.xattr.{name}": "v" * 65_536}))
    assert found[1:] == [SetXattr("/srv/a", name, b"v" * 65_536)]


def test_an_archive_has_so_many_members(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unpack.MAX_MEMBERS == 5_000_000
    monkeypatch.setattr(unpack, "MAX_MEMBERS", 3)
    assert len(changes(archive, *(member(name) for name in "abc"))) == 3
    with pytest.raises(HostError, match=r"^not a tar archive, or damaged: x\.tgz: more than 3 members$"):
        changes(archive, *(member(name) for name in "abcd"), named=Path("x.tgz"))


@pytest.mark.parametrize(("named", "shown"), [(None, "standard input"), (Path("x.tgz"), "x.tgz")])
@pytest.mark.parametrize("content", [b"no archive" * 100, b"x"])
def test_what_is_no_archive_is_named(archive: Path, named: Path | None, shown: str, content: bytes) -> None:
    archive.write_bytes(content)
    with pytest.raises(HostError, match=f"^not a tar archive, or damaged: {shown}: "):
        list(unpacked(archive, "/srv", named, FILES))


def test_an_archive_that_is_cut_is_named(archive: Path) -> None:
    changes(archive, member("a", content=b"1" * 3000), member("b"))
    archive.write_bytes(archive.read_bytes()[:1800])
    with pytest.raises(
        HostError, match=r"damaged: standard input: a: the archive is cut: its 3000 bytes begin at"
    ) as caught:
        list(unpacked(archive, "/srv", None, FILES))
    assert "volumes" in caught.value.hint
    with pytest.raises(HostError, match="No such file"):
        list(unpacked(archive.with_name("none"), "/srv", None, FILES))
