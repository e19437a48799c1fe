"""Files on their way to the parts of a layout."""

from __future__ import annotations

from imgtools.newdisk.build import files_of
from imgtools.newdisk.layout import Part, Subvolume
from imgtools.newdisk.tree import Node, Tree
from imgtools.records.files import FileKind


def _tree() -> Tree:
    """``/etc/one`` and ``/two`` are one file."""
    tree, one = Tree(), Node(FileKind.FILE, size=3)
    tree.put("/etc/one", one)
    tree.put("/etc/again", one)
    tree.put("/two", one)
    return tree


def test_a_directory_that_becomes_a_subvolume_is_no_second_name_of_its_mount_point() -> None:
    """A tar archive of both had a hard link to a directory, which nobody can make."""
    whole = _tree()
    trees = {"/etc": whole.part("/etc"), "/": whole}
    found = files_of(Part(mount="/", subvolumes=(Subvolume("/@etc", "/etc"),)), trees)
    assert {path: other for path, _, other in found.names()} == {
        "/": "", "/etc": "", "/@etc": "", "/@etc/again": "", "/@etc/one": "/@etc/again", "/two": "",
    }  # fmt: skip


def test_the_trees_stay_as_they_are() -> None:
    whole = _tree()
    trees = {"/etc": whole.part("/etc"), "/": whole}
    before = {point: set(tree.nodes) for point, tree in trees.items()}
    files_of(Part(mount="/", subvolumes=(Subvolume("/@etc", "/etc"),)), trees)
    assert {point: set(tree.nodes) for point, tree in trees.items()} == before
