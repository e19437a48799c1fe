"""The names that a volume goes by."""

from __future__ import annotations

import pytest

from imgtools.records.disks import Holder, Partition, Volume
from imgtools.volumes.names import array_name, is_called, is_named, mapped_device, mapper_name, own_device

UUID = "0b51fa37-ab0c-4c5a-9f36-3d4e60bd5f91"
PART = "DE305D54-75B4-431B-ADB2-EB6B9E546014"
PARTITION = Volume(
    "/dev/sda2",
    Holder.PARTITION,
    1 << 20,
    "crypto_LUKS",
    uuid=UUID,
    label="my disk",
    part_uuid=PART,
    part_label="Root",
)
LOGICAL = Volume("/dev/my-vg/Root", Holder.LV, 1 << 20, "crypto_LUKS")


@pytest.mark.parametrize(
    "name",
    [
        "/dev/sda2", UUID, UUID.upper(), PART, PART.lower(), "my disk", "Root",
        f"UUID={UUID}", f"uuid={UUID.upper()}", f'UUID="{UUID}"', f"PARTUUID={PART.lower()}", "PARTLABEL=Root",
        "LABEL=my disk", f"/dev/disk/by-uuid/{UUID}", r"/dev/disk/by-label/my\x20disk",
        f"/dev/disk/by-partuuid/{PART.lower()}", "/dev/disk/by-partlabel/Root",
    ],
)  # fmt: skip
def test_a_partition_by_each_of_its_names(name: str) -> None:
    assert is_called(PARTITION, name)
    assert not is_called(LOGICAL, name)


@pytest.mark.parametrize("name", ["/dev/my-vg/Root", "/dev/mapper/my--vg-Root"])
def test_a_logical_volume_by_both_of_its_names(name: str) -> None:
    assert is_called(LOGICAL, name)
    assert not is_called(PARTITION, name)


@pytest.mark.parametrize(
    "name", ["", "UUID=", "LABEL=", "/dev/disk/by-uuid/", "root", "/dev/sda", "/dev/my-vg/root", "ID=x"]
)
def test_what_it_is_not_called(name: str) -> None:
    assert not is_called(PARTITION, name) and not is_called(LOGICAL, name)
    assert not is_called(Volume("/dev/sdb", Holder.DISK, 1), name)


@pytest.mark.parametrize(
    ("said", "number", "name"),
    [
        ("host:data", None, "data"),
        ("data", None, "data"),
        ("host:data", 1, "data1"),
        ("boot1", 2, "boot1p2"),
        ("", None, ""),
        ("", 1, ""),
    ],
)
def test_an_array_by_what_mdadm_calls_it(said: str, number: int | None, name: str) -> None:
    assert array_name(said, number) == name
    array = Volume("/dev/md127", Holder.MD, 1 << 20, array_name=name)
    assert is_called(array, f"/dev/md/{name}") is bool(name) and is_called(array, "/dev/md127")


def test_dashes_in_lvm_names_are_doubled() -> None:
    assert mapper_name("my-vg", "lv-home") == "my--vg-lv--home"
    assert mapped_device("/dev/my-vg/lv-home") == "/dev/mapper/my--vg-lv--home"


@pytest.mark.parametrize(
    "device", ["/dev/sda1", "/dev/mapper/luks-1", "/dev/md/root", "btrfsvol:/dev/sda2/root"]
)
def test_what_is_no_logical_volume_is_mapped_nowhere(device: str) -> None:
    assert mapped_device(device) == ""


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("/dev/vda1", "/dev/sda1"), ("/dev/hdb12", "/dev/sdb12"), ("/dev/xvdaa", "/dev/sdaa"), ("vdc", "/dev/sdc"),
        ("/dev/nvme0n1", "/dev/sda"), ("/dev/nvme1n1p3", "/dev/sdb3"), ("/dev/mmcblk0p1", "/dev/sda1"),
        ("sda1", "/dev/sda1"), ("/dev/disk/by-id/dm-name-vg-root", "/dev/mapper/vg-root"),
    ],
)  # fmt: skip
def test_a_disk_of_another_bus_is_the_one_of_its_place(name: str, own: str) -> None:
    assert own_device(name) == own
    assert is_called(Volume(own, Holder.PARTITION, 1), name)
    assert not is_called(Volume("/dev/sdz9", Holder.PARTITION, 1), name)


@pytest.mark.parametrize(
    "name",
    ["", "1", "root", "/dev/vg/root", "/dev/sda1x", "/dev/vdabcd1", "/dev/sr0", "/dev/md0",
     "/dev/disk/by-id/ata-X-part1", "btrfsvol:/dev/sda1/@", "C:", "all", "image", "/dev/nvme0"],
)  # fmt: skip
def test_what_names_no_disk_by_its_place_stays(name: str) -> None:
    assert own_device(name) == name


def test_a_partition_by_what_its_table_calls_it() -> None:
    one = Partition("/dev/sda2", 2, 0, 1, "", name="root", id=PART)
    for name in ("/dev/sda2", "vda2", "/dev/nvme0n1p2", f"PARTUUID={PART.lower()}", "PARTLABEL=root"):
        assert is_named(one, name)
    for name in ("/dev/sdb2", "/dev/vda", "root", "PARTLABEL=", "PARTUUID=x", "2"):
        assert not is_named(one, name)
