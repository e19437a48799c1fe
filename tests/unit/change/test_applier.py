"""The applier: what a change does to files, and what it leaves alone, on the in-memory guest."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pytest

from imgtools.change.applier import apply_changes
from imgtools.change.change import (
    DataPart,
    FileChange,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Move,
    Remove,
    SetMode,
    SetOwner,
    SetTimes,
    SetXattr,
    Truncate,
    Upload,
    WriteFile,
)
from imgtools.change.writable_tree import Applied, NotOpenForWriting, WritableTree
from imgtools.errors import (
    EditConflict,
    EditFailed,
    HostError,
    NoSuchGuestFile,
    NotADirectory,
    NotAFile,
    TooManyLinks,
)
from imgtools.filesystems.holes import pieces
from imgtools.records.files import FileKind
from imgtools.records.request import Engine
from tests.support.memory import Content, MemoryFilesystem, MemoryWriter, Node, directory, link

LABEL = "security.selinux"


def tree_of(files: Mapping[str, Content], **volumes: MemoryWriter) -> tuple[WritableTree, MemoryWriter]:
    root = MemoryWriter(files)
    more = {f"/{name}": writer for name, writer in volumes.items()}
    return WritableTree({}, {"/": root, **more}, Engine.MEMORY), root


def apply(tree: WritableTree, *changes: FileChange) -> Applied:
    return apply_changes(tree, changes)


def test_a_written_file_keeps_what_it_was() -> None:
    old = Node(content=b"old", mode=0o4750, uid=7, gid=8, xattrs={LABEL: b"etc_t"})
    tree, root = tree_of({"/etc/motd": old})
    apply(tree, WriteFile("/etc/motd", b"new"))
    assert root.nodes["/etc/motd"] == Node(
        content=b"new", mode=0o4750, uid=7, gid=8, xattrs={LABEL: b"etc_t"}
    )


def test_what_was_missing_is_found_when_a_change_has_made_it() -> None:
    tree, root = tree_of({"/srv": directory()})
    assert not tree.exists("/srv/a/b/file") and tree.lstat("/srv/l/file") is None
    apply(tree, MakeDirectory("/srv/a/b"), WriteFile("/srv/a/b/file", b"x"), MakeLink("/srv/l", "a/b"))
    assert tree.exists("/srv/a/b/file") and tree.exists("/srv/l/file")
    apply(tree, Remove("/srv/a", recursive=True))
    assert not tree.exists("/srv/a/b/file") and not tree.exists("/srv/l/file")
    apply(tree, MakeDirectory("/srv/a/b"), WriteFile("/srv/l/file", b"y"))
    assert root.nodes["/srv/a/b/file"].content == b"y"


def test_an_owner_does_not_take_set_user_id_away() -> None:
    tree, root = tree_of({"/bin/su": Node(content=b"x", mode=0o4755)})
    apply(tree, WriteFile("/bin/su", b"y", uid=5))
    assert (root.nodes["/bin/su"].mode, root.nodes["/bin/su"].uid) == (0o4755, 5)
    apply(tree, SetOwner("/bin/su", gid=6))
    assert (root.nodes["/bin/su"].mode, root.nodes["/bin/su"].uid, root.nodes["/bin/su"].gid) == (
        0o4755,
        5,
        6,
    )


def test_links_are_followed_for_content_and_not_for_names() -> None:
    tree, root = tree_of({"/etc/real": "1", "/etc/link": link("real"), "/etc/new": link("/var/made")})
    (tree, root) = (tree, root)
    apply(tree, MakeDirectory("/var"), WriteFile("/etc/link", b"2"), WriteFile("/etc/new", b"3"))
    assert root.nodes["/etc/real"].content == b"2"
    assert root.nodes["/var/made"].content == b"3"
    apply(tree, Remove("/etc/link"))
    assert "/etc/link" not in root.nodes and root.nodes["/etc/real"].content == b"2"


def test_a_circle_of_links_is_an_error_not_a_hang() -> None:
    tree, _ = tree_of({"/a": link("b"), "/b": link("a")})
    with pytest.raises(TooManyLinks):
        apply(tree, WriteFile("/a", b""))


def test_wrong_kinds_have_their_own_errors() -> None:
    tree, _ = tree_of({"/etc/passwd": "root", "/etc/dir": directory(), "/dev/null": Node(FileKind.CHARACTER)})
    for change, error in (
        (WriteFile("/etc/dir", b""), NotAFile),
        (WriteFile("/dev/null", b""), NotAFile),
        (WriteFile("/nowhere/x", b""), NoSuchGuestFile),
        (WriteFile("/etc/passwd/x", b""), NotADirectory),
        (Truncate("/etc/dir"), NotAFile),
        (Truncate("/etc/none"), NoSuchGuestFile),
        (Remove("/etc/none"), NoSuchGuestFile),
        (Remove("/etc"), EditFailed),
        (MakeDirectory("/etc/passwd"), NotADirectory),
        (MakeLink("/etc/dir", "x"), NotAFile),
        (MakeHardLink("/etc/passwd", "/etc/passwd"), EditFailed),
        (MakeHardLink("/etc/x", "/etc/dir"), NotAFile),
        (MakeSpecial("/etc/passwd", "p"), EditFailed),
        (Move("/etc/none", "/etc/x"), NoSuchGuestFile),
        (Move("/etc", "/etc/dir/x"), EditFailed),
        (Move("/etc/passwd", "/etc/dir"), EditFailed),
    ):
        with pytest.raises(error):
            apply(tree, change)


def test_directories_are_made_with_their_parents_and_existing_ones_stay() -> None:
    tree, root = tree_of({"/srv": directory(0o700)})
    apply(tree, MakeDirectory("/srv/a/b", 0o750, 3, 4), MakeDirectory("/srv", 0o777))
    assert (root.nodes["/srv/a"].mode, root.nodes["/srv/a"].uid) == (0o755, 0)
    assert (root.nodes["/srv/a/b"].mode, root.nodes["/srv/a/b"].uid, root.nodes["/srv/a/b"].gid) == (
        0o750,
        3,
        4,
    )
    assert root.nodes["/srv"].mode == 0o700


def test_removing_a_tree_its_contents_and_what_is_mounted_in_it() -> None:
    tree, root = tree_of({"/a/b/c": "", "/a/d": "", "/var/log/x": ""}, boot=MemoryWriter({"/k": ""}))
    apply(tree, Remove("/a", recursive=True, contents_only=True))
    assert [name for name in root.nodes if name.startswith("/a")] == ["/a"]
    apply(tree, Remove("/a", recursive=True))
    assert "/a" not in root.nodes
    with pytest.raises(EditFailed, match="/boot is a mount point"):
        apply(tree, Remove("/boot", recursive=True))


def test_a_link_takes_the_place_of_a_file_but_keeps_itself() -> None:
    tree, root = tree_of({"/etc/localtime": "data", "/etc/same": Node(FileKind.LINK, target="t", uid=9)})
    apply(tree, MakeLink("/etc/localtime", "/usr/share/zoneinfo/UTC"), MakeLink("/etc/same", "t"))
    assert root.nodes["/etc/localtime"].target == "/usr/share/zoneinfo/UTC"
    assert root.nodes["/etc/same"].uid == 9


def test_hard_links_share_their_content_and_do_not_cross_volumes() -> None:
    tree, root = tree_of({"/a": "1"}, boot=MemoryWriter({}))
    apply(tree, MakeHardLink("/b", "/a"), WriteFile("/b", b"2"))
    assert root.nodes["/a"].content == b"2"
    with pytest.raises(EditFailed, match="two volumes"):
        apply(tree, MakeHardLink("/boot/a", "/a"))


def test_a_move_to_another_volume_takes_everything_along() -> None:
    boot = MemoryWriter({})
    facts = Node(content=b"1", mode=0o640, uid=1, gid=2, mtime=5, xattrs={"user.x": b"y"})
    tree, root = tree_of({"/d/f": facts, "/d/l": link("f"), "/d/e": directory(0o700)}, boot=boot)
    done = apply(tree, Move("/d", "/boot/d"))
    assert "/d" not in root.nodes
    assert boot.nodes["/d/f"] == facts
    assert boot.nodes["/d/l"].target == "f" and boot.nodes["/d/e"].mode == 0o700
    assert done.written == {"/boot/d/f": hashlib.sha256(b"1").hexdigest()}


def test_what_was_written_follows_its_file_when_it_is_moved_or_removed() -> None:
    tree, _ = tree_of({"/etc": directory()})
    done = apply(tree, WriteFile("/etc/a", b"1"), Move("/etc/a", "/etc/b"), WriteFile("/etc/c", b"2"))
    assert set(done.written) == {"/etc/b", "/etc/c"}
    assert set(apply(tree, WriteFile("/etc/d", b""), Remove("/etc/d")).written) == set()


def test_recursive_modes_and_owners_leave_links_as_they_are_owned() -> None:
    tree, root = tree_of({"/d/f": "x", "/d/l": link("/etc/passwd"), "/etc/passwd": "p"})
    apply(tree, SetMode("/d", 0o750, recursive=True), SetOwner("/d", 5, 6, recursive=True))
    assert (root.nodes["/d"].mode, root.nodes["/d/f"].mode) == (0o750, 0o750)
    assert (root.nodes["/d/l"].uid, root.nodes["/d/f"].gid) == (5, 6)
    assert (root.nodes["/etc/passwd"].mode, root.nodes["/etc/passwd"].uid) == (None, 0)


def test_times_and_attributes() -> None:
    tree, root = tree_of({"/f": Node(xattrs={"user.a": b"1"})})
    apply(tree, SetTimes("/f", mtime=7), SetXattr("/f", "user.b", b"2"), SetXattr("/f", "user.a", None))
    apply(tree, SetXattr("/f", "user.none", None))
    assert root.nodes["/f"].mtime == 7 and root.nodes["/f"].xattrs == {"user.b": b"2"}


def test_a_file_that_changed_since_the_plan_is_a_conflict_before_anything_is_written() -> None:
    tree, root = tree_of({"/a": "old", "/b": "changed"})
    before = hashlib.sha256(b"old").hexdigest()
    with pytest.raises(EditConflict, match="/b has changed"):
        apply(tree, WriteFile("/a", b"new", before=before), WriteFile("/b", b"new", before=before))
    with pytest.raises(EditConflict, match="/c is gone"):
        apply(tree, WriteFile("/c", b"new", before=before))
    assert root.nodes["/a"].content == b"old"


def test_an_upload_is_what_the_plan_said(tmp_path: Path) -> None:
    source = tmp_path / "f"
    source.write_bytes(b"12345")
    tree, root = tree_of({})
    apply(tree, Upload("/f", source, 5, mode=0o600, uid=3, mtime=9))
    node = root.nodes["/f"]
    assert (node.content, node.mode, node.uid, node.mtime) == (b"12345", 0o600, 3, 9)
    apply(tree, Upload("/piece", source, 3, offset=1))
    assert root.nodes["/piece"].content == b"234"
    with pytest.raises(EditConflict, match="has 5 bytes"):
        apply(tree, Upload("/f", source, 6))
    with pytest.raises(HostError):
        apply(tree, Upload("/f", tmp_path / "none", 4))
    with pytest.raises(HostError, match="not a regular file"):
        apply(tree, Upload("/f", tmp_path, 4))


@pytest.mark.parametrize("there", ["file", "link", "fifo", "empty"])
@pytest.mark.parametrize("kind", ["upload", "hard", "fifo", "folder"])
def test_what_is_to_be_replaced_goes_first(tmp_path: Path, there: str, kind: str) -> None:
    """A link is not followed, and other names of the file keep its content."""
    (source := tmp_path / "source").write_bytes(b"new")
    tree, root = tree_of({
        "/file": "old", "/link": link("/other"), "/fifo": Node(FileKind.FIFO), "/other": "old", "/empty": directory()
    })  # fmt: skip
    apply(tree, MakeHardLink("/second", "/file"))
    path = f"/{there}"
    changes: dict[str, FileChange] = {
        "upload": Upload(path, source, 3, 0o600, replace=True), "hard": MakeHardLink(path, "/other", replace=True),
        "fifo": MakeSpecial(path, "p", replace=True), "folder": MakeDirectory(path, replace=True),
    }  # fmt: skip
    apply(tree, changes[kind])
    made = root.nodes[path]
    assert made.kind is {"fifo": FileKind.FIFO, "folder": FileKind.DIRECTORY}.get(kind, FileKind.FILE)
    assert made.content == {"upload": b"new", "hard": b"old"}.get(kind, b"")
    assert root.nodes["/second"].content == root.nodes["/other"].content == b"old"


def test_a_full_directory_is_not_replaced(tmp_path: Path) -> None:
    (source := tmp_path / "source").write_bytes(b"new")
    tree, _ = tree_of({"/d/x": "x", "/l": link("/d")})
    with pytest.raises(EditFailed, match="not empty"):
        apply(tree, Upload("/d", source, 3, replace=True))
    apply(tree, MakeDirectory("/l", replace=True))  # it leads to a directory
    assert tree.exists("/l/x")


def test_times_of_what_is_made() -> None:
    tree, root = tree_of({})
    apply(
        tree,
        MakeDirectory("/d", mtime=5), MakeDirectory("/d/e", mtime=6), MakeDirectory("/gone", mtime=7),
        WriteFile("/d/x", b""), MakeLink("/l", "d", mtime=8), MakeSpecial("/p", "p", mtime=9),
        Remove("/gone"), WriteFile("/gone", b"x"),
    )  # fmt: skip
    assert [root.nodes[path].mtime for path in ("/d", "/d/e", "/gone", "/l", "/p")] == [5, 6, 0, 8, 9]


class Holed(MemoryWriter):
    """Notes what it is given: content, and the lengths of holes."""

    def write(self, path: str, content: BinaryIO) -> None:
        self.given = list(pieces(content, 1 << 20))
        super().write(path, io.BytesIO(b"".join(bytes(one) for one in self.given)))  # an int is so many zeros


@pytest.mark.parametrize(
    ("parts", "given"),
    [
        ((DataPart(2, 3), DataPart(5, 1), DataPart(8, 2)), [2, b"abc", b"d", 2, b"ef", 10]),
        ((DataPart(0, 2),), [b"ab", 18]), ((), [20]), ((DataPart(18, 2),), [18, b"ab"]),
    ],
)  # fmt: skip
def test_holes_of_an_archive_stay_holes(
    tmp_path: Path, parts: tuple[DataPart, ...], given: list[bytes | int]
) -> None:
    (source := tmp_path / "source").write_bytes(b"--abcdefgh")
    root = Holed({})
    tree = WritableTree({}, {"/": root}, Engine.MEMORY)
    change = Upload("/x", source, 20, offset=2, parts=parts)
    done = apply(tree, change)
    assert root.given == given and len(root.nodes["/x"].content) == 20
    assert done.written["/x"] == hashlib.sha256(root.nodes["/x"].content).hexdigest()
    plain, root = tree_of({})  # a writer that knows no holes writes zeros
    apply(plain, change)
    assert root.nodes["/x"].content == b"".join(bytes(one) for one in given)


def test_an_archive_that_was_cut_since_is_a_conflict(tmp_path: Path) -> None:
    (source := tmp_path / "source").write_bytes(b"abc")
    tree, _ = tree_of({})
    for change in (Upload("/x", source, 9, parts=(DataPart(0, 4),)), Upload("/x", source, 2, offset=2)):
        with pytest.raises(EditConflict, match="the plan was made for"):
            apply(tree, change)


def test_holes_of_a_host_file_stay_holes(tmp_path: Path) -> None:
    with (source := tmp_path / "source").open("wb") as file:
        file.seek(3 << 20)
        file.write(b"x" * 4096)
        file.truncate(5 << 20)
    root = Holed({})
    apply(WritableTree({}, {"/": root}, Engine.MEMORY), Upload("/x", source, 5 << 20))
    assert root.nodes["/x"].content == source.read_bytes()
    if source.stat().st_blocks * 512 < 1 << 20:  # a host that has holes tells them too
        assert root.given[0] == 3 << 20 and isinstance(root.given[-1], int)


def test_only_what_is_new_gets_a_label() -> None:
    tree, root = tree_of({"/etc/old": "x"})
    labels = {"/etc/new": b"etc_t", "/etc/dir": b"dir_t", "/etc/old": b"wrong"}
    changes = (WriteFile("/etc/old", b"1"), WriteFile("/etc/new", b"2"), MakeDirectory("/etc/dir"))
    apply_changes(tree, changes, label=lambda path, kind: labels.get(path))
    assert root.nodes["/etc/new"].xattrs == {LABEL: b"etc_t"}
    assert root.nodes["/etc/dir"].xattrs == {LABEL: b"dir_t"}
    assert root.nodes["/etc/old"].xattrs == {}


def test_a_full_guest_is_a_named_error() -> None:
    tree = WritableTree({}, {"/": MemoryWriter({"/etc": directory()}, room=10)}, Engine.MEMORY)
    with pytest.raises(EditFailed, match="no room"):
        apply(tree, WriteFile("/etc/big", b"x" * 11))


def test_a_volume_that_is_not_open_for_writing_is_not_written() -> None:
    home = MemoryFilesystem({"/x": "1"})
    tree = WritableTree({"/home": home}, {"/": MemoryWriter({"/home": directory()})}, Engine.MEMORY)
    with pytest.raises(NotOpenForWriting):
        apply(tree, WriteFile("/home/x", b"2"))


def test_names_without_regard_to_case() -> None:
    root = MemoryWriter({"/Windows/System32/a.ini": "1"}, ignores_case=True)
    apply(WritableTree({}, {"/": root}, Engine.MEMORY), WriteFile("/windows/SYSTEM32/A.INI", b"2"))
    assert root.nodes["/Windows/System32/a.ini"].content == b"2"
