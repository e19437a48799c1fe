"""A folder in which things are renamed and linked: its plan, carried out, gives what the folder showed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from imgtools.change.applier import apply_changes
from imgtools.change.change import FileChange, MakeHardLink, Move, Remove, SetMode, Upload
from imgtools.change.contradictions import FILE_CHANGES, refuse_contradictions
from imgtools.change.mounted_folder.draft import Draft
from imgtools.change.writable_tree import WritableTree
from imgtools.files.paths import join
from imgtools.files.tree import GuestTree
from imgtools.records.files import FileKind, FileStat
from imgtools.records.request import Engine
from tests.support.memory import Content, MemoryWriter, Node, link

FILES: dict[str, Content] = {
    "/a/1": "1",
    "/a/2": Node(content=b"2", mode=0o600, uid=3, xattrs={"user.x": b"y"}),
    "/a/b/3": "3",
    "/a/b/c/4": "4",
    "/d/5": "5",
    "/d/l": link("5"),
    "/e/f/6": "6",
}

Shown = dict[str, tuple[FileKind, int, bytes | str, dict[str, bytes]]]


def mode_of(stat: FileStat) -> int:
    """A link has none."""
    return 0 if stat.kind is FileKind.LINK else stat.mode


class Folder:
    """A guest in memory, its draft, and what becomes of it."""

    def __init__(self, contents: Path) -> None:
        self.guest = MemoryWriter(FILES)
        self.before = GuestTree({"/": self.guest}, Engine.MEMORY)
        self.draft = Draft(self.before, contents)

    def plan(self) -> list[FileChange]:
        changes = list(refuse_contradictions(list(self.draft.changes()), self.before))
        assert all(isinstance(one, FILE_CHANGES) for one in changes)
        return changes  # type: ignore[return-value]

    def shown(self, path: str = "/") -> Shown:
        """Everything below a directory of the folder."""
        found: Shown = {}
        for name in self.draft.list_dir(path):
            one = join(path, name)
            stat = self.draft.stat(one)
            what: bytes | str = b""
            if stat.kind is FileKind.FILE:
                what = self.draft.read(one, 1000, 0)
            elif stat.kind is FileKind.LINK:
                what = self.draft.read_link(one)
            found[one] = (stat.kind, mode_of(stat), what, self.draft.xattrs(one))
            if stat.kind is FileKind.DIRECTORY:
                found |= self.shown(one)
        return found

    def carried_out(self) -> Shown:
        """Everything in the guest when the plan was carried out."""
        tree = WritableTree({}, {"/": self.guest}, Engine.MEMORY)
        apply_changes(tree, self.plan())
        found: Shown = {}
        for one in tree.walk("/"):
            kind, what = one.stat.kind, b""
            if kind is FileKind.FILE:
                what = tree.read_bytes(one.path)
            if one.path != "/":
                target = tree.read_link(one.path) if kind is FileKind.LINK else what
                found[one.path] = (kind, mode_of(one.stat), target, dict(tree.xattrs(one.path)))
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_renamed_directory_is_one_change(folder: Folder) -> None:
    folder.draft.rename("/a", "/e/new")
    assert sorted(folder.draft.list_dir("/e/new")) == ["1", "2", "b"]
    assert folder.draft.read("/e/new/b/c/4", 9, 0) == b"4"
    assert folder.plan() == [Move("/a", "/e/new")]


def test_a_renamed_file_keeps_all_that_it_has(folder: Folder) -> None:
    folder.draft.rename("/a/2", "/d/2")
    assert folder.plan() == [Move("/a/2", "/d/2")]
    folder.draft.set_facts("/d/2", mode=0o640)
    assert folder.plan() == [SetMode("/a/2", 0o640), Move("/a/2", "/d/2")]


def test_what_comes_back_to_its_place_was_never_away(folder: Folder) -> None:
    folder.draft.rename("/a", "/x")
    folder.draft.rename("/x/b", "/y")
    folder.draft.rename("/x", "/a")
    folder.draft.rename("/y", "/a/b")
    assert folder.plan() == []


def test_names_that_are_swapped(folder: Folder) -> None:
    folder.draft.rename("/a", "/x")
    folder.draft.rename("/d", "/a")
    folder.draft.rename("/x", "/d")
    shown = folder.shown()
    assert shown["/a/5"][2] == b"5" and shown["/d/1"][2] == b"1"
    assert folder.carried_out() == shown


def test_a_hard_link_is_a_second_name(folder: Folder) -> None:
    folder.draft.link("/a/1", "/d/one")
    assert folder.plan() == [MakeHardLink("/d/one", "/a/1")]
    folder.draft.write("/d/one", b"9", 0)
    assert folder.draft.read("/a/1", 9, 0) == b"9"
    assert [folder.draft.stat(path).links for path in ("/a/1", "/d/one")] == [2, 2]
    upload, second = folder.plan()
    assert isinstance(upload, Upload) and (upload.path, second) == ("/a/1", MakeHardLink("/d/one", "/a/1"))
    folder.draft.remove("/a/1")  # the name that the guest knew: the file lives on
    assert folder.draft.stat("/d/one").links == 1
    assert [type(one) for one in folder.plan()] == [Upload, Move]
    folder.draft.remove("/d/one")
    assert folder.plan() == [Remove("/a/1", size=1)]


def test_second_names_of_a_new_file(folder: Folder) -> None:
    folder.draft.make("/d/new", FileKind.FILE, 0o644)
    folder.draft.link("/d/new", "/a/new")
    folder.draft.write("/d/new", b"x", 0)
    folder.draft.rename("/d", "/z")
    shown = folder.shown()
    assert folder.carried_out() == shown
    assert shown["/z/new"][2] == shown["/a/new"][2] == b"x"


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_done_in_a_folder_is_what_the_guest_becomes(folder: Folder, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(dice.randrange(5, 40)):
        try:
            random_step(dice, folder)()
        except OSError:
            continue  # as a filesystem refuses it
    shown = folder.shown()
    assert folder.carried_out() == shown


def random_step(dice: random.Random, folder: Folder) -> Callable[[], object]:
    """Something that a person may do; often it is refused."""
    draft, paths = folder.draft, sorted(folder.shown()) or ["/none"]
    some = dice.choice(paths)
    new = join(dice.choice(["/", *paths]), dice.choice("abcdefxyz123"))
    steps: list[Callable[[], object]] = [
        lambda: draft.rename(some, new),
        lambda: draft.rename(some, new),
        lambda: draft.rename(some, dice.choice(paths)),
        lambda: draft.link(some, new),
        lambda: draft.remove(some),
        lambda: remove_all(draft, some),
        lambda: draft.make(new, FileKind.DIRECTORY, 0o755),
        lambda: draft.make(new, FileKind.FILE, 0o644),
        lambda: draft.make(new, FileKind.LINK, 0o777, target="5"),
        lambda: draft.write(some, bytes([dice.randrange(65, 90)]) * 3, 0),
        lambda: draft.set_facts(some, mode=dice.choice((0o700, 0o711))),
        lambda: draft.set_xattr(some, "user.z", b"1"),
    ]
    return dice.choice(steps)


def remove_all(draft: Draft, path: str) -> None:
    if draft.stat(path).kind is FileKind.DIRECTORY:
        for name in draft.list_dir(path):
            remove_all(draft, join(path, name))
    draft.remove(path)
