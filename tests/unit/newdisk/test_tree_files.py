"""The tree of a new disk, looked at as a guest's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import GuestFileTooBig, HostError, NoSuchGuestFile
from imgtools.newdisk.tree import Node, Tree
from imgtools.newdisk.tree_files import files_of_tree
from imgtools.records.files import DataPart, FileKind


def tree(folder: Path) -> Tree:
    """``/etc/name`` lies in the middle of a host file, ``/sparse`` has a hole; ``/lib`` is a link."""
    (folder / "packed").write_bytes(b"beforeNAMEbehind")
    found = Tree()
    found.put("/etc/name", Node(FileKind.FILE, 0o640, 5, 6, size=4, host_path=folder / "packed", offset=6))
    parts = (DataPart(4, 3),)
    found.put("/sparse", Node(FileKind.FILE, size=9, host_path=folder / "packed", offset=10, parts=parts))
    found.put("/lib", Node(FileKind.LINK, target="usr/lib"))
    found.put("/usr/lib/os", Node(FileKind.LINK, target="/etc/name", attributes={"user.a": b"1"}))
    return found


def test_what_is_not_there(tmp_path: Path) -> None:
    files = files_of_tree(tree(tmp_path))
    assert not files.exists("/etc/nam") and files.lstat("/nowhere") is None
    with pytest.raises(NoSuchGuestFile):
        files.read_text("/lib/no")


def test_a_host_file_that_is_gone(tmp_path: Path) -> None:
    files = files_of_tree(tree(tmp_path))
    (tmp_path / "packed").unlink()
    with pytest.raises(HostError):
        files.read_text("/etc/name")


def test_files_are_read_through_links_and_holes(tmp_path: Path) -> None:
    files = files_of_tree(tree(tmp_path))
    assert files.read_text("/lib/os") == "NAME"
    assert files.read_bytes("/sparse") == b"\0\0\0\0beh\0\0"
    with pytest.raises(GuestFileTooBig):
        files.read_text("/etc/name", limit=3)
    stat = files.stat("/lib/os")
    assert (stat.mode, stat.uid, stat.gid, stat.size) == (0o640, 5, 6, 4)
    assert [one.name for one in files.list_dir("/")] == ["etc", "lib", "sparse", "usr"]
    assert list(files.glob("/*/lib/o*")) == ["/usr/lib/os"]
    assert files.xattrs("/lib/os") == {"user.a": b"1"}
