"""A file that the host has made a disk of (losetup, mount -o loop) is in use, though no lock of QEMU says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.disk import in_use
from tests.support.command import imgtools
from tests.support.disks import MIB, image_of, random_bytes
from tests.support.fixtures import copy_fixture


@pytest.fixture
def loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What /sys/block says of one loop device: the name of its file, to be written."""
    monkeypatch.setattr(in_use, "LOOPS", tmp_path / "sys")
    place = tmp_path / "sys/loop7/loop"
    place.mkdir(parents=True)
    return place / "backing_file"


@pytest.mark.parametrize(
    "words",
    [
        ("wipe", "--write", "{}"),
        ("resize", "--write", "{}", "+1M"),
        ("dd", "--write", "{other}", "{}"),
        ("convert", "--force", "{other}", "{}"),
        ("create", "--force", "{}", "1M"),
    ],
)
def test_the_file_of_a_loop_device_is_not_written(
    tmp_path: Path, loops: Path, words: tuple[str, ...]
) -> None:
    image = image_of(random_bytes(MIB), tmp_path / "d.raw")
    other = image_of(random_bytes(MIB, 2), tmp_path / "o.raw")
    loops.write_text(f"{image}\n")
    said = [word.replace("{other}", str(other)).replace("{}", str(image)) for word in words]
    ran = imgtools(*said, code=11)
    assert "/dev/loop7" in ran.err and "losetup -d /dev/loop7" in ran.err
    assert image.read_bytes() == random_bytes(MIB)
    loops.write_text(f"{tmp_path}/else.raw\n")
    imgtools(*said)


def test_nor_a_guest_in_it(tmp_path: Path, loops: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    loops.write_text(f"{image}\n")
    words = ("edit", image, "/etc/hostname", "-e", "s/debian/sample/")
    assert "/dev/loop7" in imgtools(*words, "--write", code=11).err
    imgtools("cat", image, "/etc/hostname")
