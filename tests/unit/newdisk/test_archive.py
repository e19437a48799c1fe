"""Archives and layers as trees: what leads out, what is in the way, what a later layer takes away."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from imgtools.errors import BadSource
from imgtools.newdisk.archive import Layers, read_archive, top_names
from imgtools.newdisk.tree import Tree
from imgtools.records.files import FileKind

Member = tuple[str, bytes, str]  # name, kind, target
FILE, DIR, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def pack(path: Path, members: Iterable[Member], **headers: str) -> Path:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = kind, target, 0o640
            member.pax_headers = dict(headers)
            content = name.encode() if kind == FILE else b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def layered(folder: Path, *layers: Iterable[Member]) -> Tree:
    found = Layers()
    for number, members in enumerate(layers):
        found.add(pack(folder / f"{number}.tar", members), f"layer {number}", is_layer=True)
    return found.tree


def paths(tree: Tree) -> set[str]:
    return set(tree.nodes) - {"/"}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("../x", FILE, "")], "leads out"),
        ([("a/../../x", FILE, "")], "leads out"),
        ([("a", LINK, ".."), ("a/x", FILE, "")], "by way of a link"),
        ([("a", LINK, "/../.."), ("a/x", FILE, "")], "by way of a link"),
        ([("a", LINK, "b"), ("b", LINK, "a"), ("a/x", FILE, "")], "too many symbolic links"),
        ([("x", HARD, "none")], "which is no file in it"),
        ([("d", DIR, ""), ("x", HARD, "d")], "which is no file in it"),
        ([("x", HARD, "../etc/passwd")], "leads out"),
        ([("x", HARD, "/")], "leads out"),
        ([("a" * 256, FILE, "")], "more than 255 bytes"),
        ([("ä" * 128, FILE, "")], "more than 255 bytes"),
    ],
)
def test_what_is_refused(tmp_path: Path, members: list[Member], said: str) -> None:
    with pytest.raises(BadSource, match=said) as caught:
        read_archive(pack(tmp_path / "a.tar", members), "a.tar")
    assert caught.value.message.startswith("a.tar")


@pytest.mark.parametrize("name", ["user.", "other.x", "user"])
def test_no_name_of_an_attribute(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "a.tar", [("x", FILE, "")], **{f"SCHILY.xattr.{name}": "v"})
    with pytest.raises(BadSource, match="no name of an extended attribute"):
        read_archive(archive, "a.tar")


@pytest.mark.parametrize("content", [b"", b"x", b"\xa5" * 1024])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    if content:
        with pytest.raises(BadSource, match="not a tar archive, or damaged"):
            read_archive(tmp_path / "a.tar", "a.tar")
    assert top_names(tmp_path / "a.tar") == set()


def test_names_are_put_in_order_and_folders_made(tmp_path: Path) -> None:
    tree = read_archive(pack(tmp_path / "a.tar", [("./a//b/./c", FILE, ""), ("a" * 255, FILE, "")]), "a")
    assert paths(tree) == {"/a", "/a/b", "/a/b/c", "/" + "a" * 255}


def test_a_link_inside_is_followed(tmp_path: Path) -> None:
    members = [("usr/lib", DIR, ""), ("lib", LINK, "usr/lib"), ("abs", LINK, "/lib"), ("abs/x", FILE, "")]
    assert "/usr/lib/x" in paths(read_archive(pack(tmp_path / "a.tar", members), "a"))


def test_what_is_in_the_way_goes(tmp_path: Path) -> None:
    members = [("d/x", FILE, ""), ("d", FILE, ""), ("f", FILE, ""), ("f/y", FILE, "")]
    tree = read_archive(pack(tmp_path / "a.tar", members), "a")
    assert paths(tree) == {"/d", "/f", "/f/y"}
    assert tree.nodes["/d"].kind is FileKind.FILE and tree.nodes["/f"].kind is FileKind.DIRECTORY


def test_a_hard_link_is_one_file_and_the_root_has_its_own_facts(tmp_path: Path) -> None:
    tree = read_archive(pack(tmp_path / "a.tar", [("./", DIR, ""), ("a", FILE, ""), ("b", HARD, "./a")]), "a")
    assert tree.nodes["/a"] is tree.nodes["/b"] and tree.nodes["/"].mode == 0o640


def test_whiteouts_count_in_layers_alone(tmp_path: Path) -> None:
    tree = read_archive(pack(tmp_path / "a.tar", [("a", FILE, ""), (".wh.a", FILE, "")]), "a")
    assert paths(tree) == {"/a", "/.wh.a"}


@pytest.mark.parametrize(
    ("over", "left"),
    [
        ([(".wh.d", FILE, "")], {"/a"}),
        ([(".wh.a", FILE, ""), ("a", FILE, "")], {"/a", "/d", "/d/x", "/d/y"}),
        ([("a", FILE, ""), (".wh.a", FILE, "")], {"/a", "/d", "/d/x", "/d/y"}),  # its own stay, in any order
        ([("d/.wh..wh..opq", FILE, ""), ("d/z", FILE, "")], {"/a", "/d", "/d/z"}),
        ([("d/z", FILE, ""), ("d/.wh..wh..opq", FILE, "")], {"/a", "/d", "/d/z"}),
        ([(".wh.none", FILE, "")], {"/a", "/d", "/d/x", "/d/y"}),
        ([(".wh..wh.plnk", FILE, "")], {"/a", "/d", "/d/x", "/d/y"}),  # of aufs
        ([("d/.wh.x", FILE, "")], {"/a", "/d", "/d/y"}),
    ],
)
def test_what_a_layer_takes_away(tmp_path: Path, over: list[Member], left: set[str]) -> None:
    base = [("a", FILE, ""), ("d/x", FILE, ""), ("d/y", FILE, "")]
    assert paths(layered(tmp_path, base, over)) == left
