"""A folder of the host as the root of a guest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgtools.errors import GuestFileError, HostError, OddGuest
from imgtools.files.host_root import HostRoot
from imgtools.files.tree import GuestTree
from imgtools.records.files import FileKind
from imgtools.records.request import Engine


def tree(folder: Path) -> GuestTree:
    return GuestTree({"/": HostRoot(folder)}, Engine.DIRECT)


def test_files_below_are_there_with_their_facts(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "x").write_text("one")
    (tmp_path / "etc" / "x").chmod(0o640)
    os.mkfifo(tmp_path / "etc" / "pipe")
    found = {one.path: one.stat for one in tree(tmp_path).walk("/")}
    assert (found["/etc/x"].size, found["/etc/x"].mode) == (3, 0o640)
    assert found["/etc/pipe"].kind is FileKind.FIFO
    assert tree(tmp_path).read_text("/etc/x") == "one"


def test_a_link_is_the_guests_and_leads_out_of_no_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the host")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "link").symlink_to("/secret")
    (root / "up").symlink_to("../secret")
    files = tree(root)
    assert files.read_link("/etc/link") == "/secret"
    assert not files.exists("/etc/link") and not files.exists("/up")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").write_text("")
    (tmp_path / "link").symlink_to("real")
    assert [one.path for one in tree(tmp_path / "link").walk("/")] == ["/", "/x"]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))).write_text("x")
    assert tree(tmp_path).read_text("/\udcff") == "x"


@pytest.mark.parametrize("name", ["gone", "file"])
def test_what_is_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((HostError, OddGuest, GuestFileError)):
        list(tree(tmp_path / name).list_dir("/"))
