"""What only a kernel can grow, grown in place in guests as their installers leave them: XFS, btrfs, LUKS."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image
from tests.support.resizable import part_of, run, table_of

MORE = 300 << 20


def grow(image: Path, number: int, *words: str) -> Path:
    """Grow an image and its partition, which stays where it is; return the partition as a file."""
    before = table_of(image)
    done = imgtools("resize", image, "+300M", "--expand", "auto", "--write", "--json", *words)
    assert done.json["engine"] == "appliance"
    after = table_of(image)
    assert after[number]["size"] * 512 - before[number]["size"] * 512 == MORE
    size = after[number]["size"]
    before[number]["size"] = size
    assert after == before
    return part_of(image, after[number]["start"] * 512, size * 512)


def tree_of_btrfs(part: Path, folder: Path) -> dict[str, bytes]:
    """All files of a btrfs with its subvolumes, by their paths."""
    folder.mkdir()
    run("btrfs", "restore", "-s", part, folder)
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.appliance
def test_xfs_grows_in_place(tmp_path: Path) -> None:
    (image,) = copy_fixture("amazon", tmp_path)
    words = ("/etc/fstab", "/etc/os-release", "/etc/passwd")
    before = [imgtools("cat", image, path).out for path in words]
    part = grow(image, 1)
    run("xfs_repair", "-n", "-f", part)
    told = run("xfs_db", "-r", "-f", "-c", "sb 0", "-c", "p dblocks blocksize", part)
    blocks, block = (int(number) for number in re.findall(r"= (\d+)", told))
    assert 0 <= part.stat().st_size - blocks * block < 16 << 20  # a last group that is too small is left out
    assert [imgtools("cat", image, path).out for path in words] == before


@pytest.mark.appliance
def test_btrfs_grows_in_place(tmp_path: Path) -> None:
    (image,) = copy_fixture("fedora", tmp_path)
    table = table_of(image)[3]
    before = tree_of_btrfs(part_of(image, table["start"] * 512, table["size"] * 512), tmp_path / "before")
    part = grow(image, 3)
    run("btrfs", "check", "--readonly", part)
    told = run("btrfs", "inspect-internal", "dump-super", part)
    found = re.search(r"^total_bytes\s+(\d+)$", told, re.MULTILINE)
    assert found and 0 <= part.stat().st_size - int(found[1]) < 1 << 20
    assert before["root/etc/fstab"]
    assert tree_of_btrfs(part, tmp_path / "after") == before


@pytest.mark.appliance
def test_a_container_on_a_partition_grows_with_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,) = copy_fixture("luks1", tmp_path)
    monkeypatch.setenv("PASSPHRASE", "fixture")
    key = ("--key", "all:env:PASSPHRASE")

    def root() -> tuple[int, int]:
        rows = imgtools("filesystems", "--json", *key, image).data["filesystems"]
        (row,) = (row for row in rows if row["label"] == "crypt-root")
        return row["size"], row["used"]

    (size, used), files = root(), imgtools("cat", image, "/etc/fstab", *key).out
    grow(image, 2, *key)
    assert root() == (size + MORE, used)
    assert imgtools("cat", image, "/etc/fstab", *key).out == files


@pytest.mark.parametrize(("guest", "device"), [("amazon", "/dev/sda1"), ("fedora", "/dev/sda3")])
def test_what_only_grows_says_the_way_round(guest: str, device: str) -> None:
    ran = imgtools("resize", fixture_image(guest), "-100M", "--shrink", device, code=14)
    assert "cannot be shrunk" in ran.err and "make a new disk" in ran.err
