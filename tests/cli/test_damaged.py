"""A disk that is damaged in one place: everything else is listed, found, packed, and the exit code says so."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.volumes import debugfs, make_ext


@pytest.fixture(scope="module")
def bad_link(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A link whose block lies far beyond the volume, between two files."""
    folder = tmp_path_factory.mktemp("damaged")
    top = folder / "tree"
    top.mkdir()
    (top / "a").write_text("first\n")
    (top / "bad").symlink_to("x" * 100)
    (top / "z").write_text("last\n")
    path = make_ext(folder / "a.img", top, "-t", "ext2", "-b", "1024", size=4 << 20)
    debugfs(path, "set_inode_field bad block[0] 1000000000")
    return path


@pytest.fixture(scope="module")
def no_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_ext(tmp_path_factory.mktemp("root") / "a.img", None, "-t", "ext2", size=4 << 20)
    debugfs(path, "clri <2>")
    return path


def test_a_long_listing_goes_on_behind_a_damaged_link(bad_link: Path) -> None:
    ran = imgtools("ls", "-lR", bad_link, code=1)
    assert [line.split("\t")[-1] for line in ran.out.splitlines()[1:]] == [
        "/",
        "/a",
        "/bad -> ",
        "/lost+found",
        "/z",
    ]
    assert ran.err.startswith("imgtools: warning: /bad: cannot be read: /dev/sda: the filesystem names byte")


def test_json_says_what_is_missing(bad_link: Path) -> None:
    document = imgtools("ls", "--json", bad_link, code=1).json
    assert document["ok"] and document["data"]["incomplete"]
    assert [one["path"] for one in document["warnings"]] == ["/bad"]
    assert [one["name"] for one in document["data"]["files"]] == ["a", "bad", "lost+found", "z"]
    whole = imgtools("find", "--json", "--type", "f", bad_link).json
    assert [one["path"] for one in whole["data"]["files"]] == ["/a", "/z"]
    assert (whole["data"]["incomplete"], whole["warnings"]) == (False, [])


def test_the_rest_is_packed_and_copied(bad_link: Path, tmp_path: Path) -> None:
    packed = subprocess.run(
        [sys.executable, "-m", "imgtools", "tar-out", bad_link, "/", "-"], capture_output=True, check=False
    )
    assert packed.returncode == 1 and b"/bad: cannot be read" in packed.stderr
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        assert archive.getnames() == [".", "a", "lost+found", "z"]
    imgtools("copy-out", bad_link, "/", tmp_path, code=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "lost+found", "z"]


@pytest.mark.parametrize("command", ["ls", "find", "cat"])
def test_a_disk_whose_root_is_lost_is_a_named_error(no_root: Path, command: str) -> None:
    ran = imgtools(command, no_root, "/", code=20)
    assert "its root directory cannot be read" in ran.err and "e2fsck" in ran.err


def test_a_filesystem_that_cannot_be_read_has_a_row(no_root: Path) -> None:
    row = imgtools("df", no_root, code=1).out.splitlines()[1]
    assert row.split("\t") == ["/dev/sda", "ext2", "", "", "", ""]
    document = imgtools("filesystems", "--json", no_root, code=1).json
    (row,) = document["data"]["filesystems"]
    assert row["used"] is None and "its root directory cannot be read" in row["problem"]
    assert document["warnings"][-1]["path"] == "/dev/sda"
