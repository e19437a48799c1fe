"""What two images with a backing file in common can differ in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from imgtools.image.handle import Image, open_image
from imgtools.image.shared_blocks import SharedBlocks, _merged, differing, shared_blocks
from imgtools.records.disks import Mount
from imgtools.records.image import DiskSource
from tests.support.disks import MIB, qemu_img

pytestmark = pytest.mark.host

LARGE = b"large" * 60_000


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An ext4 with a file of some blocks, one that is all hole, and one in its inode's reach."""
    tree, image = tmp_path / "tree", tmp_path / "base.raw"
    tree.mkdir()
    (tree / "same").write_bytes(LARGE)
    (tree / "other").write_bytes(LARGE)
    (tree / "changed").write_bytes(LARGE)
    with (tree / "hole").open("wb") as stream:
        stream.truncate(MIB)
    with image.open("wb") as stream:
        stream.truncate(32 * MIB)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, image], check=True)
    return image


def overlay(base: Path, name: str, *writes: tuple[int, int]) -> Path:
    """An overlay in which some bytes are written, offset and length."""
    image = base.with_name(name)
    qemu_img("create", "-q", "-f", "qcow2", "-b", base.name, "-F", "raw", image)
    for offset, length in writes:
        command = f"write -P 120 {offset} {length}"
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", command, image], check=True, capture_output=True)
    return image


def place_of(image: Image, path: str) -> int:
    """Where on the disk a file of the base begins."""
    with image.files([Mount("/", image.volumes()[0])]).open(path) as stream:
        _offset, extent = next(stream.raw.places())  # type: ignore[attr-defined]
        return int(extent.offset)


def same(common: SharedBlocks, old: Image, new: Image, one: str, other: str) -> bool:
    trees = [image.files([Mount("/", image.volumes()[0])]) for image in (old, new)]
    with trees[0].open(one) as here, trees[1].open(other) as there:
        return common.is_same_content(here, there)


def test_a_file_in_blocks_that_nobody_wrote_is_the_same(base: Path) -> None:
    with open_image([DiskSource(base)]) as image:
        written = place_of(image, "/changed")
    top = overlay(base, "top.qcow2", (written, 512))
    with open_image([DiskSource(base)]) as old, open_image([DiskSource(top)]) as new:
        common = shared_blocks(old, new)
        assert common is not None
        assert same(common, old, new, "/same", "/same") and same(common, old, new, "/hole", "/hole")
        assert not same(common, old, new, "/changed", "/changed")
        assert not same(common, old, new, "/same", "/other"), "another place says nothing"
        volume = old.volumes()[0]
        assert not common.is_same_volume(Mount("/", volume), Mount("/", new.volumes()[0]))


def test_two_overlays_of_one_base(base: Path) -> None:
    one, other = overlay(base, "one.qcow2"), overlay(base, "other.qcow2")
    with open_image([DiskSource(one)]) as old, open_image([DiskSource(other)]) as new:
        common = shared_blocks(old, new)
        assert common is not None
        assert common.is_same_volume(Mount("/", old.volumes()[0]), Mount("/", new.volumes()[0]))


def test_images_that_have_nothing_in_common(base: Path) -> None:
    flat = base.with_name("flat.qcow2")
    qemu_img("convert", "-O", "qcow2", base, flat)
    with open_image([DiskSource(base)]) as old, open_image([DiskSource(flat)]) as new:
        assert shared_blocks(old, new) is None


@pytest.mark.parametrize("swap", [False, True])
def test_what_may_differ_is_what_either_wrote(base: Path, swap: bool) -> None:
    sides = [overlay(base, "a.qcow2", (0, 512), (8 * MIB, 512)), overlay(base, "b.qcow2", (20 * MIB, 65536))]
    with open_image([DiskSource(sides[swap])]) as old, open_image([DiskSource(sides[not swap])]) as new:
        found = list(_merged(differing(old.infos[0], new.infos[0], 1)))
    cluster = 65536
    assert found == [(at, at + cluster) for at in (0, 8 * MIB, 20 * MIB)]


def test_what_a_larger_disk_has_more_may_differ(base: Path) -> None:
    top = overlay(base, "top.qcow2")
    qemu_img("resize", "-q", top, "40M")
    with open_image([DiskSource(base)]) as old, open_image([DiskSource(top)]) as new:
        found = list(_merged(differing(old.infos[0], new.infos[0], 1)))
    assert found == [(32 * MIB, 40 * MIB)]
