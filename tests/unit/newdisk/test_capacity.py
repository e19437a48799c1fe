"""What a filesystem cannot hold, what it does not keep, and how much room it needs."""

from __future__ import annotations

import pytest

from imgtools.engine.mkfs import KINDS, NewFilesystem
from imgtools.errors import CannotHold, UsageError
from imgtools.newdisk.capacity import GIB, KIB, MIB, TYPES, require_holdable, room_for, suited
from imgtools.newdisk.tree import Node, Tree
from imgtools.records.files import DataPart, FileKind

WINDOWS = ("vfat", "exfat", "ntfs")


def tree_of(**nodes: Node) -> Tree:
    tree = Tree()
    for name, node in nodes.items():
        tree.put(f"/{name}", node)
    return tree


def file(size: int = 0, mode: int = 0o644, **fields: object) -> Node:
    node = Node(FileKind.FILE, mode, size=size)
    for name, value in fields.items():
        setattr(node, name, value)
    return node


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize(
    ("node", "what"),
    [
        (Node(FileKind.LINK, target="x"), "symbolic links"),
        (Node(FileKind.CHARACTER), "devices"),
        (Node(FileKind.BLOCK), "devices"),
        (Node(FileKind.FIFO), "named pipes"),
    ],
)
def test_what_only_unix_has(kind: str, node: Node, what: str) -> None:
    with pytest.raises(CannotHold, match=f"{kind} cannot hold {what}: /odd"):
        require_holdable(tree_of(odd=node), kind, keeps_owners=False)
    for other in ("ext4", "xfs", "btrfs", "squashfs", "iso9660", "udf"):
        require_holdable(tree_of(odd=node), other, keeps_owners=True)


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("name", ["a:b", "a?", "a*", 'a"', "a<", "a\\b", "a|", "a\n", "a\x01", "a.", "a "])
def test_names_that_windows_does_not_take(kind: str, name: str) -> None:
    with pytest.raises(CannotHold, match="cannot hold the name"):
        require_holdable(tree_of(**{name: file()}), kind, keeps_owners=False)
    require_holdable(tree_of(**{name: file()}), "ext4", keeps_owners=False)


@pytest.mark.parametrize("name", [".a", "a.b", "a b", "ä", "[a]", "a'"])
def test_names_that_windows_takes(name: str) -> None:
    require_holdable(tree_of(**{name: file()}), "vfat", keeps_owners=False)


def test_several_are_counted_and_the_first_is_named() -> None:
    with pytest.raises(CannotHold, match="/a:b, and 1 more"):
        require_holdable(tree_of(**{"z:": file(), "a:b": file()}), "vfat", keeps_owners=False)


def test_names_in_two_folders_are_no_twins() -> None:
    tree = tree_of(**{"A/x": file(), "b/X": file()})
    require_holdable(tree, "ntfs", keeps_owners=False)
    tree.put("/a", file())
    with pytest.raises(CannotHold, match="for one name"):
        require_holdable(tree, "ntfs", keeps_owners=False)


@pytest.mark.parametrize("kind", ["vfat", "iso9660"])
def test_the_largest_file(kind: str) -> None:
    require_holdable(tree_of(big=file(4 * GIB - 1)), kind, keeps_owners=False)
    with pytest.raises(CannotHold, match="4294967295 bytes"):
        require_holdable(tree_of(big=file(4 * GIB)), kind, keeps_owners=False)


@pytest.mark.parametrize("kind", WINDOWS)
def test_owners_only_if_somebody_asked(kind: str) -> None:
    tree = tree_of(mine=file(uid=5))
    require_holdable(tree, kind, keeps_owners=False)
    with pytest.raises(CannotHold, match="owners: /mine"):
        require_holdable(tree, kind, keeps_owners=True)


def test_swap_holds_nothing() -> None:
    require_holdable(Tree(), "swap", keeps_owners=False)
    with pytest.raises(UsageError, match="holds no files"):
        require_holdable(tree_of(a=file()), "swap", keeps_owners=False)


def test_what_is_not_kept_is_told() -> None:
    tree = tree_of(run=file(mode=0o755), noted=file(attributes={"user.a": b"x"}))
    tree.nodes["/again"] = tree.nodes["/noted"]
    told = [one.text for one in require_holdable(tree, "vfat", keeps_owners=False)]
    assert len(told) == 3
    assert "no modes" in told[0] and "those of 1 files" in told[1] and "1 names become copies" in told[2]
    assert require_holdable(tree, "ext4", keeps_owners=True) == []
    listed = tree_of(listed=file(attributes={"system.posix_acl_access": b"x"}))
    assert "access control lists" in require_holdable(listed, "squashfs", keeps_owners=False)[0].text


@pytest.mark.parametrize("kind", TYPES)
def test_room_grows_with_the_files_and_is_never_less_than_the_least(kind: str) -> None:
    empty = room_for(Tree(), kind)
    assert empty.usual >= empty.least >= (KINDS[kind].least if kind in KINDS else 0)
    if kind in KINDS and kind != "swap":
        full = room_for(tree_of(big=file(700 * MIB)), kind)
        assert full.least >= 700 * MIB and full.usual % MIB == 0


def test_holes_take_no_room() -> None:
    sparse = file(8 * GIB, parts=(DataPart(0, 4 * KIB), DataPart(7 * GIB, 4 * KIB)))
    assert room_for(tree_of(sparse=sparse), "ext4").least < 16 * MIB


def test_inodes_for_many_small_files() -> None:
    tree = tree_of(**{f"f{number}": file(1) for number in range(5000)})
    new = suited(NewFilesystem("ext4"), 8 * MIB, tree)
    assert new.inodes >= 5001 + 500 and new.block_size == KIB
    assert suited(NewFilesystem("ext4"), 16 * MIB, Tree()).block_size == 4 * KIB
    assert suited(NewFilesystem("ext4", block_size=2048), 64 * MIB, Tree()).block_size == 2048


def test_entries_of_a_fats_root() -> None:
    many = tree_of(**{f"name of some length {number}": file() for number in range(300)})
    assert suited(NewFilesystem("vfat"), MIB, many).root_names >= 900
    assert suited(NewFilesystem("vfat"), MIB, tree_of(a=file())).root_names == 0
    assert suited(NewFilesystem("xfs"), MIB, many) == NewFilesystem("xfs")
