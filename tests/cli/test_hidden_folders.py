"""Nothing is written to the folder below a mount point whose volume is not there: nobody would see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import EditFailed
from tests.support.command import imgtools
from tests.support.divided import at, make_disk

FSTAB = "/dev/sda1 / ext4 defaults 0 1\nUUID=0000-90ne /data ext4 defaults 0 2\nUUID=0000-0ff /off ext4 nofail 0 2\n"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for folder in ("etc", "bin", "data", "off"):
        (root / folder).mkdir(parents=True)
    (root / "etc/os-release").write_text("ID=debian\n")
    (root / "etc/fstab").write_text(FSTAB)
    make = ("mke2fs", "-q", "-F", "-t", "ext4", "-d", str(root))
    make_disk(tmp_path / "disk.raw", 10, "dos", [at(1, 1, 8, "83")], {1: make})
    return tmp_path / "disk.raw"


def test_it_is_refused_where_the_guest_mounts_what_is_missing(image: Path) -> None:
    before = image.read_bytes()
    for words in (("mkdir", "/data/x"), ("customize", "--mkdir", "/data/x"), ("touch", "/data/y")):
        for mode in ((), ("--write",)):
            said = imgtools(words[0], image, *words[1:], *mode, code=EditFailed.exit_code)
            assert "mounts at /data" in said.err and "--no-check" in said.err
    assert image.read_bytes() == before
    imgtools("mkdir", image, "/data/x", "--no-check")


def test_what_may_be_missing_is_the_folder_itself(image: Path) -> None:
    imgtools("mkdir", image, "/off/x")
    imgtools("mkdir", image, "/etc/x")
