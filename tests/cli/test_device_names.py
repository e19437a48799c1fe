"""A device goes by the names that it has on any bus, wherever one is asked for; two that fit are an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import qemu_img
from tests.support.fixtures import fixture_disks, fixture_image


@pytest.mark.parametrize("device", ["/dev/sda3", "/dev/vda3", "xvda3", "/dev/nvme0n1p3", "/dev/mmcblk0p3"])
def test_a_partition_of_the_first_disk(device: str) -> None:
    image = fixture_image("debian")
    assert imgtools("cat", image, "-m", device, "/etc/hostname").out == "debian-fixture\n"
    assert imgtools("cat", image, "--root", device, "/etc/hostname").out == "debian-fixture\n"


def test_a_logical_volume_by_its_mapping() -> None:
    first, *more = fixture_disks("multidisk")
    disks = [first, *(word for disk in more for word in ("-a", disk))]
    for device in (
        "/dev/vg_multi/root",
        "/dev/mapper/vg_multi-root",
        "/dev/disk/by-id/dm-name-vg_multi-root",
    ):
        assert imgtools("cat", *disks, "-m", device, "/etc/hostname").out == "multidisk\n"


def test_resize_takes_them_too(tmp_path: Path) -> None:
    image = tmp_path / "top.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", fixture_image("debian"), "-F", "qcow2", image)
    words = ("resize", image, "+64M", "--backing-policy", "any", "--expand")
    for device in ("/dev/sda3", "/dev/vda3", "nvme0n1p3", "3"):  # it is found, and has no room
        assert "partition 3 cannot grow: partition 4 lies behind it" in imgtools(*words, device, code=2).err
    assert "there is no partition /dev/vdb3" in imgtools(*words, "/dev/vdb3", code=2).err


def test_a_name_that_two_volumes_have_is_an_error(tmp_path: Path) -> None:
    image = fixture_image("debian")
    twin = tmp_path / "twin.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", twin)
    (usage,) = imgtools("df", image, "--json").data["images"]
    uuid = next(one["uuid"] for one in usage["filesystems"] if one["device"] == "/dev/sda3")
    words = ("--backing-policy", "any", "-m", f"UUID={uuid}", "/etc/hostname")
    assert imgtools("cat", image, *words).out == "debian-fixture\n"
    refused = imgtools("cat", image, "-a", twin, *words, code=2)
    assert "2 volumes are called" in refused.err and "/dev/sda3, /dev/sdb3" in refused.err
