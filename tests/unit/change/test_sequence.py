"""Steps that follow each other: what is foreseen is what comes about, and the plan has no contradiction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from imgtools.change.applier import apply_changes
from imgtools.change.change import (
    Change,
    EditLines,
    FileChange,
    LineEdit,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Move,
    NewLvmUuids,
    Remove,
    RunInGuest,
    SetMode,
    SetOwner,
    SetTimes,
    SetXattr,
    Truncate,
    Upload,
    WriteFile,
)
from imgtools.change.compose import compose
from imgtools.change.contradictions import refuse_contradictions
from imgtools.change.sequence import ChangeSequence
from imgtools.change.writable_tree import WritableTree
from imgtools.errors import EditConflict, NoSuchGuestFile
from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind
from imgtools.records.request import Engine
from tests.support.memory import Content, MemoryWriter, link

HOST_FILE = Path(__file__)
SIZE = HOST_FILE.stat().st_size
BASE: dict[str, Content] = {
    "/etc/motd": "hello\n",
    "/etc/conf/a": "one\n",
    "/etc/conf/b": "two\n",
    "/etc/to-motd": link("motd"),
    "/srv/www/index": "index\n",
    "/boot/grub": "menu\n",
}


def tree_of(files: dict[str, Content]) -> WritableTree:
    return WritableTree({}, {"/": MemoryWriter(files)}, Engine.MEMORY)


def picture(files: GuestReader) -> dict[str, tuple[object, ...]]:
    """Everything that can be seen of a tree."""
    seen: dict[str, tuple[object, ...]] = {}
    for found in files.walk("/"):
        stat, content = found.stat, ""
        if stat.kind is FileKind.FILE:
            content = hashlib.sha256(files.read_bytes(found.path)).hexdigest()
        elif stat.kind is FileKind.LINK:
            content = files.read_link(found.path)
        facts = (stat.kind, stat.mode, stat.uid, stat.gid, stat.mtime, dict(files.xattrs(found.path)))
        seen[found.path] = (*facts, content)
    return seen


def carried_out(steps: Sequence[Sequence[Change]]) -> ChangeSequence:
    """Plan the steps, carry the plan out, and see that both lead to the same files."""
    tree = tree_of(BASE)
    sequence = ChangeSequence(tree)
    for step in steps:
        sequence.add(step)
    foreseen = picture(sequence.files)
    plan = refuse_contradictions(compose(sequence.changes, tree), tree)
    apply_changes(tree, [change for change in plan if isinstance(change, FileChange)])
    assert picture(tree) == foreseen
    return sequence


def appended(path: str, line: str) -> EditLines:
    return EditLines(path, (LineEdit(append=line),))


STEPS: dict[str, list[list[Change]]] = {
    "write twice": [[WriteFile("/etc/x", b"a", 0o600)], [WriteFile("/etc/x", b"b", uid=7)]],
    "write and edit": [[WriteFile("/etc/motd", b"a\n")], [appended("/etc/motd", "b")]],
    "edit twice": [[appended("/etc/motd", "a")], [appended("/etc/motd", "b")]],
    "edit through a link": [[appended("/etc/to-motd", "a")], [appended("/etc/motd", "b")]],
    "empty and write": [[Truncate("/etc/motd")], [WriteFile("/etc/motd", b"new")]],
    "write and empty": [[WriteFile("/etc/motd", b"new")], [Truncate("/etc/motd")], [Truncate("/etc/motd")]],
    "upload and edit": [[Upload("/etc/py", HOST_FILE, SIZE, 0o700)], [appended("/etc/py", "# end")]],
    "write and upload": [[WriteFile("/etc/py", b"a", 0o600)], [Upload("/etc/py", HOST_FILE, SIZE)]],
    "make and remove": [[WriteFile("/etc/x", b"a")], [SetMode("/etc/x", 0o600)], [Remove("/etc/x")]],
    "make a folder and remove it": [
        [MakeDirectory("/new/deep")],
        [WriteFile("/new/deep/x", b"a")],
        [Remove("/new", recursive=True)],
    ],
    "a folder is renamed, another removed": [
        [Move("/etc/conf", "/etc/conf.d")],
        [WriteFile("/etc/x", b"a")],
        [Remove("/etc/x")],
    ],
    "remove and make": [
        [Remove("/etc/conf", recursive=True)],
        [MakeDirectory("/etc/conf")],
        [WriteFile("/etc/conf/a", b"b")],
    ],
    "empty a folder that is used": [
        [WriteFile("/etc/conf/c", b"c")],
        [Remove("/etc/conf", recursive=True, contents_only=True)],
        [WriteFile("/etc/conf/d", b"d")],
    ],
    "modes and owners": [
        [SetMode("/etc/motd", 0o600), SetOwner("/etc/motd", 5)],
        [SetMode("/etc/motd", 0o640), SetOwner("/etc/motd", None, 6)],
    ],
    "a folder is renamed and used": [
        [Move("/etc/conf", "/etc/conf.d")],
        [WriteFile("/etc/conf.d/c", b"c"), SetMode("/etc/conf.d/a", 0o600)],
    ],
    "a folder is renamed and edited": [[Move("/etc/conf", "/etc/conf.d")], [appended("/etc/conf.d/a", "more")]],
    "links": [[MakeLink("/etc/l", "motd")], [MakeLink("/etc/l", "conf")], [MakeHardLink("/etc/m", "/etc/motd")]],
    "a file gives way to a link": [[WriteFile("/etc/l", b"a")], [MakeLink("/etc/l", "motd")]],
    "an upload in the place of a link": [
        [MakeLink("/etc/l", "motd"), WriteFile("/etc/y", b"a")],
        [Upload("/etc/l", HOST_FILE, SIZE, replace=True), Upload("/etc/y", HOST_FILE, SIZE, replace=True)],
    ],
    "an upload in the place of a link that was there": [
        [Upload("/etc/to-motd", HOST_FILE, SIZE, replace=True)], [appended("/etc/motd", "b")],
    ],
    "others in the place of what was made": [
        [WriteFile("/etc/l", b"a"), MakeSpecial("/etc/p", "p")],
        [MakeHardLink("/etc/l", "/etc/motd", replace=True), MakeSpecial("/etc/p", "c", replace=True)],
    ],
    "facts": [
        [MakeSpecial("/etc/p", "p"), SetTimes("/etc/motd", 1, 2)],
        [SetXattr("/etc/motd", "user.a", b"1"), SetXattr("/etc/motd", "user.b", b"2")],
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_what_is_foreseen_is_what_comes_about(name: str) -> None:
    carried_out(STEPS[name])


@pytest.mark.parametrize("name", ["write twice", "write and edit", "edit twice", "upload and edit"])
def test_a_file_is_written_once(name: str) -> None:
    assert len(carried_out(STEPS[name]).changes) == 1


def test_what_was_made_to_be_removed_is_not_made() -> None:
    assert carried_out(STEPS["make and remove"]).changes == ()


def test_the_plan_is_bound_to_what_the_guest_has_now() -> None:
    (change,) = carried_out(STEPS["edit twice"]).changes
    assert isinstance(change, WriteFile)
    assert change.before == hashlib.sha256(b"hello\n").hexdigest()


def test_what_a_program_needs_stays_until_it_has_run() -> None:
    tree = tree_of(BASE)
    sequence = ChangeSequence(tree)
    for change in (WriteFile("/tmp-x", b"a"), RunInGuest("sh /tmp-x"), Remove("/tmp-x")):
        sequence.add([change])
    assert [type(one) for one in refuse_contradictions(sequence.changes, tree)] == [
        WriteFile,
        RunInGuest,
        Remove,
    ]


def test_only_programs_hide_what_was_before() -> None:
    tree = tree_of(BASE)
    sequence = ChangeSequence(tree)
    for change in (Truncate("/etc/motd"), NewLvmUuids(("vg",)), WriteFile("/etc/motd", b"new")):
        sequence.add([change])
    assert len(refuse_contradictions(sequence.changes, tree)) == 2


def test_a_program_may_make_the_folder_of_a_file() -> None:
    with pytest.raises(NoSuchGuestFile):
        ChangeSequence(tree_of(BASE)).add([WriteFile("/etc/nginx/nginx.conf", b"a")])
    sequence = ChangeSequence(tree_of(BASE))
    sequence.add([RunInGuest("install nginx")])
    sequence.add([WriteFile("/etc/nginx/nginx.conf", b"a")])
    assert [type(one) for one in sequence.changes] == [RunInGuest, WriteFile]


def test_what_a_program_may_have_changed_is_written_again() -> None:
    tree = tree_of(BASE)
    steps: list[Change] = [
        WriteFile("/etc/motd", b"x"),
        RunInGuest("true"),
        WriteFile("/etc/motd", b"hello\n"),
    ]
    assert len(refuse_contradictions(steps, tree)) == 3


def test_a_step_that_cannot_be_made_is_an_error() -> None:
    sequence = ChangeSequence(tree_of(BASE))
    sequence.add([Remove("/etc/motd")])
    with pytest.raises(NoSuchGuestFile):
        sequence.add([SetMode("/etc/motd", 0o600)])


def test_what_got_a_second_name_is_not_made_anew() -> None:
    """The name would have to keep a content that no change brings any more."""
    steps = [
        [WriteFile("/etc/x", b"a"), MakeHardLink("/etc/y", "/etc/x")],
        [Upload("/etc/x", HOST_FILE, SIZE, replace=True)],
    ]
    sequence = ChangeSequence(tree_of(BASE))
    for step in steps:
        sequence.add(step)
    with pytest.raises(EditConflict, match="two changes want /etc/x"):
        refuse_contradictions(compose(sequence.changes, tree_of(BASE)), tree_of(BASE))


def test_operations_that_know_nothing_of_each_other_still_conflict() -> None:
    with pytest.raises(EditConflict):
        refuse_contradictions([WriteFile("/a", b"1"), WriteFile("/a", b"2")], tree_of(BASE))
