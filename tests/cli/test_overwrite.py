"""A file that is there is replaced with --overwrite only: by every command that makes one, and never by a half one."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

import imgtools as door
from imgtools.disk.new_file import new_file, refuse_target
from imgtools.disk.transaction.marker import READY, MarkedDisk, Marker, write_marker
from imgtools.errors import EngineFailed, TargetExists, UnfinishedEdit, UsageError
from tests.support.command import imgtools
from tests.support.edits import beside, digest
from tests.support.fixtures import copy_fixture, fixture_image
from tools.options import shown

MINE = b"mine"
# Command to its words, IMAGE and FILE being the image and the new file. How a plan gets there is one way for all.
WAYS = {
    "touch": ("touch", "IMAGE", "/etc/issue", "--output", "FILE"),
    "sysprep": ("sysprep", "IMAGE", "--enable", "machine-id", "--output", "FILE"),
    "customize": ("customize", "IMAGE", "--hostname", "web1", "--output", "FILE"),
    "resize": ("resize", "IMAGE", "+64M", "--output", "FILE"),
    "convert": ("convert", "IMAGE", "FILE"),
    "filesystems": ("filesystems", "IMAGE", "--svg", "FILE"),
    "map": ("map", "IMAGE", "--svg", "FILE"),
}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return copy_fixture("debian", tmp_path)[0]


def words(name: str, image: Path, target: Path) -> list[str]:
    return [{"IMAGE": str(image), "FILE": str(target)}.get(word, word) for word in WAYS[name]]


@pytest.mark.parametrize("name", WAYS)
def test_a_file_is_replaced_if_that_is_said_and_the_image_never(
    name: str, image: Path, tmp_path: Path
) -> None:
    target = tmp_path / ("new.svg" if name in ("filesystems", "map") else "new.qcow2")
    target.write_bytes(MINE)
    refused = imgtools(*words(name, image, target), code=TargetExists.exit_code)
    assert "there already" in refused.err and "--overwrite" in refused.err and target.read_bytes() == MINE
    imgtools(*words(name, image, target), "--overwrite")
    assert target.read_bytes()[:4] != MINE
    before = digest(image)
    again = imgtools(*words(name, image, image), "--overwrite", code=UsageError.exit_code)
    assert "a file of the image that is read" in again.err or "a picture" in again.err
    assert digest(image) == before and beside(image) <= {target.name}


def test_nothing_is_overwritten_that_a_new_image_would_stand_on(tmp_path: Path) -> None:
    base, top = tmp_path / "base.qcow2", tmp_path / "top.qcow2"
    imgtools("create", base, "1M")
    imgtools("create", top, "-b", base, "-F", "qcow2")
    before = digest(base)
    refused = imgtools("create", base, "-b", top, "-F", "qcow2", "--overwrite", code=UsageError.exit_code)
    assert "a file of the image" in refused.err and digest(base) == before
    imgtools("convert", top, base, "-b", base, "-F", "qcow2", "--overwrite", code=UsageError.exit_code)
    assert digest(base) == before


def test_copies_of_a_guests_files_replace_files_and_links_but_no_folder(image: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "out", tmp_path / "other"
    folder.mkdir()
    other.write_bytes(MINE)
    (folder / "hostname").symlink_to(other)
    (folder / "hosts").write_bytes(MINE)
    imgtools("copy-out", image, "/etc/hosts", folder, code=3)
    assert (folder / "hosts").read_bytes() == MINE
    imgtools("copy-out", image, "/etc/hosts", "/etc/hostname", folder, "--overwrite")
    assert (folder / "hosts").read_bytes() == door.cat(image, "/etc/hosts")
    assert (folder / "hostname").read_bytes() == b"debian-fixture\n" and other.read_bytes() == MINE
    assert not (folder / "hostname").is_symlink()
    assert {path.name for path in folder.iterdir()} == {"hosts", "hostname"}
    (folder / "passwd").mkdir()
    imgtools("copy-out", image, "/etc/passwd", folder, "--overwrite", code=3)
    assert (folder / "passwd").is_dir() and {path.name for path in folder.iterdir()} == {
        *("hosts", "hostname", "passwd")
    }


def test_a_guests_file_does_not_take_the_place_of_the_image(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    named = image.rename(tmp_path / "hostname")
    before = digest(named)
    imgtools("copy-out", named, "/etc/hostname", tmp_path, "--overwrite", code=UsageError.exit_code)
    assert digest(named) == before


def test_what_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.tar"
    target.write_bytes(MINE)
    with pytest.raises(EngineFailed), new_file(target, overwrite=True) as draft:
        draft.host_path.write_bytes(b"half")
        raise EngineFailed("cut")
    assert target.read_bytes() == MINE and list(tmp_path.iterdir()) == [target]


def test_an_image_whose_edit_was_cut_is_not_replaced(tmp_path: Path) -> None:
    """The rest of that edit would be written into the new file."""
    target = tmp_path / "a.raw"
    target.write_bytes(MINE)
    disk = MarkedDisk(str(target), "raw", 4, 4, target.stat().st_mtime_ns)
    write_marker(Marker("1", READY, (disk,)))
    with pytest.raises(UnfinishedEdit):
        refuse_target(target, overwrite=True)


def test_a_new_image_is_named_where_it_is_to_replace_something() -> None:
    said = imgtools("touch", fixture_image("debian"), "/a", "--overwrite", code=UsageError.exit_code)
    assert "--output FILE" in said.err
    said = imgtools("resize", fixture_image("debian"), "+1G", "--overwrite", code=UsageError.exit_code)
    assert "--overwrite is for a new image" in said.err


def test_a_program_says_it_as_the_command_line_does(image: Path, tmp_path: Path) -> None:
    target = tmp_path / "new.qcow2"
    target.write_bytes(MINE)
    with pytest.raises(TargetExists):
        door.write(image, "/etc/motd", b"a", output=target)
    assert door.write(image, "/etc/motd", b"a", output=target, overwrite=True).output == str(target)
    with pytest.raises(UsageError):
        door.write(image, "/etc/motd", b"a", overwrite=True)
    (archive := tmp_path / "a.tar").write_bytes(MINE)
    with pytest.raises(TargetExists):
        door.tar_out(image, "/etc/ssh", archive)
    assert archive.read_bytes() == MINE
    door.tar_out(image, "/etc/ssh", archive, overwrite=True)
    assert tarfile.is_tarfile(archive)
    before = digest(image)
    with pytest.raises(UsageError):
        door.tar_out(image, "/etc/ssh", image, overwrite=True)
    assert digest(image) == before
    assert door.cat(target, "/etc/motd") == b"a"


def test_every_command_that_makes_an_image_beside_another_can_replace_one() -> None:
    with_output = {one.command for one in shown() if one.long == "--output"}
    with_overwrite = {one.command for one in shown() if one.long == "--overwrite"}
    assert with_output <= with_overwrite
