"""A folder of new images: whole or not there, and nobody's who may not read what it is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.disk.new_folder import image_names, new_folder, refuse_folder
from imgtools.errors import HostError, TargetExists
from imgtools.records.image import DiskSource, ImageInfo, Inside, Layer

MIB = 1 << 20


def disk(path: Path, format: str = "raw", inside: str = "") -> ImageInfo:
    """A disk of this name, also as a member of an archive."""
    found = Inside(inside, MIB) if inside else None
    return ImageInfo(
        DiskSource(path, inside=found), format, MIB, MIB, (Layer(path, format, MIB, MIB, inside=found),)
    )


def made(target: Path, sources: tuple[ImageInfo, ...] = ()) -> None:
    with new_folder(target, sources) as folder:
        (folder / "a").write_text("a")
        (folder / "b").write_text("b")
        assert not (target / "a").exists()


def test_it_comes_as_a_whole(tmp_path: Path) -> None:
    made(tmp_path / "new")
    assert {one.name: one.read_text() for one in (tmp_path / "new").iterdir()} == {"a": "a", "b": "b"}
    assert [one.name for one in tmp_path.iterdir()] == ["new"]


def test_an_empty_folder_becomes_it_and_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir(mode=0o750)
    made(tmp_path / "empty")
    assert (tmp_path / "empty").stat().st_mode & 0o777 == 0o750
    assert len(list((tmp_path / "empty").iterdir())) == 2


def test_a_link_to_an_empty_folder_stays_one(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far")
    made(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "far" / "a").exists()


@pytest.mark.parametrize("taken", ["file", "full"])
def test_what_is_there_stays(tmp_path: Path, taken: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(TargetExists, match="is there already"), new_folder(tmp_path / taken, ()):
        raise AssertionError
    with pytest.raises(TargetExists):
        refuse_folder(tmp_path / taken)


def test_what_comes_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "new"
    with pytest.raises(TargetExists), new_folder(target, ()) as folder:
        (folder / "a").write_text("a")
        target.mkdir()
        (target / "mine").write_text("mine")
    assert [one.name for one in target.iterdir()] == ["mine"] and len(list(tmp_path.iterdir())) == 1


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "new", ()) as folder:
        (folder / "a").write_text("a")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="no such folder"):
        refuse_folder(tmp_path / "no" / "such")


def test_nobody_reads_more_than_before(tmp_path: Path) -> None:
    (tmp_path / "open").write_text("")
    (tmp_path / "closed").write_text("")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "closed").chmod(0o600)
    made(tmp_path / "new", (disk(tmp_path / "open"), disk(tmp_path / "closed")))
    assert {one.stat().st_mode & 0o777 for one in (tmp_path / "new").iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("names", "format", "images"),
    [
        (("root.img", "data.vmdk"), None, ("root.raw", "data.raw")),
        (("root.img", "data.vmdk"), "vpc", ("root.vhd", "data.vhd")),
        (("sys", "sys.raw"), "qcow2", ("disk1.qcow2", "disk2.qcow2")),
        (("a b.raw", "c.raw"), "qcow2", ("disk1.qcow2", "disk2.qcow2")),
        (("-rf.raw", "c.raw"), "qcow2", ("disk1.qcow2", "disk2.qcow2")),
    ],
)
def test_images_are_called_as_the_disks(
    tmp_path: Path, names: tuple[str, ...], format: str | None, images: tuple[str, ...]
) -> None:
    assert image_names([disk(tmp_path / name) for name in names], format) == images
    packed = [disk(tmp_path / "x.ova", inside=f"x.ova/{name}") for name in names]
    assert image_names(packed, format) == images
