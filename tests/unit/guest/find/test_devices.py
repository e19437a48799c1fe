"""Names of devices, as guests that saw other hardware wrote them, find the volumes of the image."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.guest.find.devices import Devices, GuestNames, parse_crypttab, parse_mdadm
from imgtools.records.disks import Array, Disk, Holder, Layout, Partition, Volume
from imgtools.records.lvm import LogicalVolume, VolumeGroup
from tests.support.images import partitioned

GIB = 1 << 30
VG_UUID, LV_UUID = "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg", "hhhhhh-iiii-jjjj-kkkk-llll-mmmm-nnnnnn"


def _volume(device: str, content: str = "ext4", holder: Holder = Holder.PARTITION, **facts: object) -> Volume:
    return replace(Volume(device, holder, GIB, content), **facts)  # type: ignore[arg-type]


ROOT = _volume("/dev/sda2", uuid="Aa11-22", label="my root", part_uuid="F00D-02", part_label="linux root")
BOOT = _volume("/dev/sda1", "vfat", uuid="ABCD-1234")
DATA = _volume("/dev/sdb1", label="data")
LV = _volume("/dev/my-vg/lv-home", "xfs", Holder.LV, parents=("/dev/sdb2",))
MEMBER = _volume(
    "/dev/sdb3", "linux_raid_member", uuid="11112222-3333-4444-5555-666677778888", label="host:tank"
)
ARRAY = _volume("/dev/md127", holder=Holder.MD, parents=("/dev/sdb3",))
LUKS = _volume("/dev/sdb4", "crypto_LUKS", uuid="9999-luks")
OPENED = _volume("/dev/mapper/luks-9999-luks", holder=Holder.CRYPT, parents=("/dev/sdb4",))
LAYOUT = Layout(
    (partitioned("", ""), partitioned("", "", "", "", device="/dev/sdb")),
    vgs=(VolumeGroup("my-vg", VG_UUID, GIB, 0, 4 << 20),),
    lvs=(LogicalVolume("/dev/my-vg/lv-home", "lv-home", "my-vg", LV_UUID, GIB),),
    volumes=(BOOT, ROOT, DATA, MEMBER, LUKS, LV, ARRAY, OPENED),
)
NAMES = GuestNames(
    crypt=parse_crypttab(["vault UUID=9999-luks none luks", "loop /dev/mapper/loop", "id ID=dm-name-id"]),
    md=parse_mdadm(["ARRAY /dev/md5 metadata=1.2 UUID=11112222:33334444:55556666:77778888 name=host:tank"]),
)


@pytest.mark.parametrize(
    ("spec", "volume"),
    [
        ("UUID=aa11-22", ROOT),
        ("UUID=abcd-1234", BOOT),
        ("LABEL=my root", ROOT),
        ("PARTUUID=f00d-02", ROOT),
        ("PARTLABEL=linux root", ROOT),
        ("/dev/disk/by-uuid/ABCD-1234", BOOT),
        (r"/dev/disk/by-label/my\x20root", ROOT),
        ("/dev/disk/by-partuuid/f00d-02", ROOT),
        (r"/dev/disk/by-partlabel/linux\x20root", ROOT),
        ("/dev/sda2", ROOT),
        ("/dev/vda2", ROOT),
        ("/dev/hda1", BOOT),
        ("/dev/xvda2", ROOT),
        ("/dev/xvde2", ROOT),
        ("/dev/nvme0n1p2", ROOT),
        ("/dev/nvme1n1p1", DATA),
        ("/dev/mmcblk0p1", BOOT),
        ("/dev/cciss/c0d1p1", DATA),
        ("/dev/vdb1", DATA),
        ("/dev/my-vg/lv-home", LV),
        ("/dev/mapper/my--vg-lv--home", LV),
        ("/dev/disk/by-id/dm-name-my--vg-lv--home", LV),
        ("/dev/disk/by-id/dm-uuid-LVM-" + (VG_UUID + LV_UUID).replace("-", ""), LV),
        ("ID=dm-name-my--vg-lv--home", LV),
        ("/dev/md5", ARRAY),
        ("/dev/md/tank", ARRAY),
        ("/dev/md0", ARRAY),
        ("/dev/disk/by-id/md-uuid-11112222:33334444:55556666:77778888", ARRAY),
        ("/dev/disk/by-id/md-name-host:tank", ARRAY),
        ("/dev/mapper/vault", OPENED),
        ("/dev/mapper/luks-9999-luks", OPENED),
        ("/dev/sdz1", None),
        ("/dev/sda7", None),
        ("UUID=", None),
        ("LABEL=", None),
        ("UUID=nobody", None),
        ("/dev/mapper/loop", None),
        ("/dev/mapper/id", None),
        ("/dev/sda99999999999999999999", None),
        ("/dev/../etc/passwd", None),
        ("nonsense", None),
    ],
)
def test_a_name_finds_its_volume(spec: str, volume: Volume | None) -> None:
    assert Devices(LAYOUT, ROOT, NAMES).find(spec) == volume


def test_the_root_teaches_which_disk_the_guest_means() -> None:
    """A template was made as the second disk of its builder: its sdb is our sda."""
    devices = Devices(LAYOUT, ROOT)
    assert devices.find("/dev/sdb1") == DATA
    devices.learn("/dev/sdb2")
    assert devices.find("/dev/sdb1") == BOOT


def test_a_path_name_means_the_only_disk() -> None:
    one = Layout((partitioned("", ""),), volumes=(BOOT, ROOT))
    spec = "/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part1"
    assert Devices(one, ROOT).find(spec) == BOOT
    assert Devices(LAYOUT, ROOT).find(spec) is None
    devices = Devices(LAYOUT, ROOT)
    devices.learn("/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part2")
    assert devices.find(spec) == BOOT


def test_a_snapshot_with_the_same_uuid_does_not_take_the_roots_place() -> None:
    snapshot = replace(ROOT, device="/dev/vg/snap", holder=Holder.LV)
    layout = Layout((partitioned("", ""),), volumes=(snapshot, ROOT))
    assert Devices(layout, ROOT).find("UUID=aa11-22") == ROOT


def test_a_bare_filesystem_is_what_xen_called_the_first_partition() -> None:
    whole = _volume("/dev/sda", holder=Holder.DISK)
    layout = Layout((Disk("/dev/sda", GIB),), volumes=(whole,))
    assert Devices(layout, whole).find("/dev/xvda1") == whole


def test_a_partition_known_only_by_the_table_is_found_by_its_id() -> None:
    table = Disk(
        "/dev/sda", GIB, table="dos", partitions=(Partition("/dev/sda1", 1, 1, GIB, "0x83", id="abc-01"),)
    )
    volume = _volume("/dev/sda1")
    assert Devices(Layout((table,), volumes=(volume,)), volume).find("PARTUUID=ABC-01") == volume


def test_the_partitions_of_arrays_are_found_by_the_names_of_these() -> None:
    """mdadm writes ``p`` before the number only behind a digit."""
    boot, home, zero = (
        Volume(f"/dev/md{name}", Holder.PARTITION, 1, "ext4", parents=(f"/dev/md{name.partition('p')[0]}",))
        for name in ("127p1", "127p2", "126p1")
    )
    data = Volume("/dev/md125", Holder.MD, 1, "ext4")
    arrays = (
        Array("/dev/md127", "11" * 16, "host:boot", ("/dev/sda",)),
        Array("/dev/md126", "22" * 16, "host:0", ("/dev/sdb",)),
        Array("/dev/md125", "33" * 16, "", ("/dev/sdc",)),
    )
    conf = GuestNames(
        md=parse_mdadm([f"ARRAY /dev/md3 UUID={'33' * 16}", f"ARRAY /dev/md4 UUID={'11' * 16}"])
    )
    devices = Devices(Layout((), volumes=(boot, home, zero, data), arrays=arrays), data, conf)
    assert devices.find("/dev/md/boot1") == devices.find("/dev/md127p1") == devices.find("/dev/md4p1") == boot
    assert devices.find("/dev/md/boot2") == home
    assert devices.find("/dev/md/0p1") == devices.find("/dev/md0p1") == zero
    assert devices.find("/dev/md3") == devices.find("/dev/md125") == data
    assert [devices.find(f"/dev/md{name}") for name in ("/boot3", "9", "/other", "/boot", "4")] == [None] * 5
