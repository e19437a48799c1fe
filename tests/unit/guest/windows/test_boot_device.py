"""The bytes of a boot configuration's devices: the partition in them, found and replaced, and nothing else touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.guest.windows.boot_device import (
    BootDevice,
    at_place,
    find_partition,
    parse_device,
    partition_bytes,
    partition_place,
    place_of,
)
from imgtools.records.disks import Disk, Holder, Layout, Partition, Volume
from tests.support import boot_store as bcd

DISK, ESP, ROOT = (f"D0D0D0D0-0008-4000-8000-0000000001{end}" for end in ("00", "01", "03"))
# A real one: a file on a partition of a disk with a GPT, with options {7619dcc9-fafe-11d9-b411-000476eba25f}.
REAL = bytes.fromhex(
    "c8dc1976fefad911b4110004 76eba25f 00000000 01000000 a0000000 00000000 03000000 00000000 00000000 00000000"
    "00000000 00000000 01000000 78000000 05000000 06000000 00000000 48000000 00000000 0bda9bf8 9f8a2a47 aac88044"
    "fadfb240 00000000 00000000 467c1f6e 39068643 82e3e20c 98948025 00000000 00000000 00000000 00000000 5c007300"
    "6f007500 72006300 65007300 5c006200 6f006f00 74002e00 77006900 6d000000"
)


def test_partitions_of_both_tables() -> None:
    assert parse_device(bcd.gpt(ROOT, DISK)) == BootDevice("partition", "gpt", DISK, ROOT, at=32)
    assert parse_device(bcd.mbr(1 << 20, 0xD0D00006)) == BootDevice(
        "partition", "dos", "d0d00006", start=1 << 20, at=32
    )


def test_a_real_ramdisk() -> None:
    found = parse_device(REAL)
    assert found == BootDevice(
        "ramdisk",
        "gpt",
        "6E1F7C46-0639-4386-82E3-E20C98948025",
        "F89BDA0B-8A9F-472A-AAC8-8044FADFB240",
        path=r"\sources\boot.wim",
        at=84,
    )


def test_another_partition_is_put_in_and_the_rest_stays() -> None:
    device = parse_device(REAL)
    assert device is not None
    changed = at_place(REAL, device, BootDevice("partition", "gpt", DISK, ROOT))
    assert len(changed) == len(REAL) and changed[:84] == REAL[:84] and changed[124:] == REAL[124:]
    assert parse_device(changed) == replace(device, disk_id=DISK, partition_id=ROOT)


def test_a_disk_that_changed_its_table() -> None:
    """MBR to GPT and back: nothing of the longer name is left behind the shorter one."""
    old, new = bcd.gpt(ROOT, DISK), BootDevice("partition", "dos", "d0d00006", start=1 << 20)
    device = parse_device(old)
    assert device is not None and at_place(old, device, new) == bcd.mbr(1 << 20, 0xD0D00006)


@pytest.mark.parametrize("data", [bcd.gpt(ROOT, DISK), bcd.mbr(51 << 20, 0x1234ABCD)])
def test_a_partition_is_written_as_it_is_read(data: bytes) -> None:
    device = parse_device(data)
    assert device is not None and partition_bytes(device) == data


@pytest.mark.parametrize(
    ("kind", "name"), [(5, "boot"), (8, "locate"), (2, "partition by number"), (77, "type 77")]
)
def test_devices_that_name_no_partition(kind: int, name: str) -> None:
    data = bytes(16) + kind.to_bytes(4, "little") + bytes(68)
    found = parse_device(data)
    assert found == BootDevice(name) and not found.names_partition


def test_a_partition_of_a_virtual_disk_is_none_of_the_machine() -> None:
    data = bytearray(bcd.gpt(ROOT, DISK))
    data[48] = 6
    assert parse_device(bytes(data)) == BootDevice("virtual disk")


@pytest.mark.parametrize("length", [0, 15, 31, 71])
def test_bytes_that_are_cut_short(length: int) -> None:
    assert parse_device(bcd.gpt(ROOT, DISK)[:length]) is None


@pytest.mark.parametrize("length", [33, 60, 70, 100])
def test_a_ramdisk_that_is_cut_short_names_no_partition(length: int) -> None:
    found = parse_device(REAL[:length])
    assert found is None or not found.names_partition


def test_files_in_files_end() -> None:
    inner = bcd.gpt(ROOT, DISK)
    for _ in range(50):
        inner = bcd.ramdisk(inner, "x", "{00000000-0000-0000-0000-000000000000}")
    found = parse_device(inner)
    assert found is not None and not found.names_partition


LAYOUT = Layout(
    (
        Disk(
            "/dev/sda",
            1 << 30,
            table="gpt",
            table_id=DISK,
            partitions=(
                Partition("/dev/sda1", 1, 1 << 20, 1 << 20, "x", id=ESP),
                Partition("/dev/sda2", 2, 2 << 20, 1 << 20, "x", id=ROOT),
            ),
        ),
        Disk(
            "/dev/sdb",
            1 << 30,
            table="dos",
            table_id="0000abcd",
            partitions=(Partition("/dev/sdb1", 1, 1 << 20, 1 << 20, "0x07"),),
        ),
        Disk("/dev/sdc", 1 << 30),
    )
)


def test_the_partition_of_a_volume() -> None:
    volume = Volume("/dev/sda2", Holder.PARTITION, 1 << 20, "ntfs")
    place = place_of(volume, LAYOUT)
    assert place is not None and partition_bytes(place) == bcd.gpt(ROOT, DISK)
    opened = replace(volume, device="/dev/mapper/bitlocker", parents=("/dev/sdb1",))
    place = place_of(opened, LAYOUT)
    assert place is not None and partition_bytes(place) == bcd.mbr(1 << 20, 0xABCD)
    assert place_of(replace(volume, device="/dev/sdc"), LAYOUT) is None


def test_a_device_finds_its_partition() -> None:
    found = parse_device(bcd.mbr(1 << 20, 0xABCD))
    assert found is not None
    there = find_partition(found, LAYOUT)
    assert there is not None and there.device == "/dev/sdb1"
    for other in (
        bcd.mbr(1 << 20, 0xABCE),
        bcd.mbr(2 << 20, 0xABCD),
        bcd.gpt(ROOT, ROOT),
        bcd.gpt(DISK, DISK),
    ):
        device = parse_device(other)
        assert device is not None and find_partition(device, LAYOUT) is None
    assert partition_place(LAYOUT.disks[2], LAYOUT.disks[0].partitions[0]) is None
