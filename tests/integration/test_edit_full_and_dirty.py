"""Filesystems that were not unmounted, or are full: through the appliance, booted once for each."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from imgtools.errors import EditFailed
from tests.support.command import imgtools
from tests.support.edits import DIRECT, beside, digest
from tests.support.fixtures import copy_fixture

APPLIANCE = ("--engine", "appliance")


@pytest.mark.appliance
def test_a_dirty_ext4_is_recovered_and_then_edited(tmp_path: Path) -> None:
    """Its journal holds a newer /etc/hostname than its blocks: the plan is made for what the journal says."""
    (image,) = copy_fixture("broken:ext4-dirty", tmp_path)
    done = imgtools("edit", image, "/etc/hostname", "-e", "s/^replayed/edited/", "--write", "--json")
    assert done.json["engine"] == "appliance" and done.data["written"]
    assert "-replayed" in done.data["changes"][0]["diff"]
    assert beside(image) == set()
    # Nothing waits in the journal any more, so nothing has to boot.
    assert imgtools("cat", image, "/etc/hostname", *DIRECT).out.startswith("edited")
    imgtools("write", image, "/etc/motd", "--content", "x", "--write", *DIRECT)


def full_disk(folder: Path) -> Path:
    """A disk with a filesystem in which a few KiB are free."""
    image = folder / "full.raw"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", image], check=True)
    (folder / "filler").write_bytes(bytes(range(256)) * (58 << 10))
    write = f"write {folder / 'filler'} filler"
    subprocess.run(["debugfs", "-w", "-R", write, image], check=True, capture_output=True)
    return image


@pytest.mark.parametrize("engine", [DIRECT, pytest.param(APPLIANCE, marks=pytest.mark.appliance)])
def test_a_full_filesystem_is_a_named_error(engine: tuple[str, str], tmp_path: Path) -> None:
    image = full_disk(tmp_path)
    before = digest(image)
    (tmp_path / "tree").mkdir()
    for number in range(8):
        (tmp_path / "tree" / str(number)).write_bytes(b"x" * (512 << 10))
    words = ("copy-in", image, tmp_path / "tree", "/", "--mount", "/dev/sda", "--write", *engine)
    ran = imgtools(*words, code=EditFailed.exit_code)
    assert "no room left" in ran.err and "/tree" in ran.err
    assert digest(image) == before and beside(image) == set()
