"""Where a GRUB looks on, in the words of its images and of the configurations on ESPs."""

from __future__ import annotations

import pytest

from imgtools.guest.boot.grub_place import GrubPlace, find_volume, path_on, place_in_config, place_of
from imgtools.records.disks import Holder, Layout, Mount, Volume
from imgtools.records.lvm import LogicalVolume, VolumeGroup
from imgtools.volumes.grub_core import Built
from tests.support.images import partitioned
from tests.support.memory import memory_volume

BOOT = memory_volume("/dev/sda1", uuid="AbC-1", label="BOOT")
ROOT = memory_volume("/dev/sda2", uuid="def-2")
LV = Volume("/dev/vg-0/root", Holder.LV, 1 << 30, "ext4", uuid="1-lv")
MEMBER = memory_volume("/dev/sda3", "linux_raid_member", uuid="0123:4567")
MD = Volume("/dev/md0", Holder.MD, 1 << 30, "ext4", parents=("/dev/sda3",))
DISK = partitioned("83", "83", "fd", "83", table="dos")
LAYOUT = Layout(
    (DISK,),
    vgs=(VolumeGroup("vg-0", "VGID", 1, 0, 1),),
    lvs=(LogicalVolume("/dev/vg-0/root", "root", "vg-0", "LVID", 1),),
    volumes=(BOOT, ROOT, LV, MEMBER, MD),
)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "search --no-floppy --fs-uuid --set=dev d0d0\nset prefix=($dev)/grub2\nconfigfile $prefix/grub.cfg\n",
            GrubPlace("/grub2", uuid="d0d0"),
        ),
        (
            "search.fs_uuid d0d0 root hd0,gpt1\nset prefix=($root)'/boot/grub'\n",
            GrubPlace("/boot/grub", uuid="d0d0"),
        ),
        ("search.fs_label BOOT root\nset prefix=($root)/grub", GrubPlace("/grub", label="BOOT")),
        ("search --label --set=root BOOT\n", GrubPlace(label="BOOT")),
        ("configfile (hd0,gpt2)/grub2/grub.cfg\n", GrubPlace("/grub2")),
        ("search.file /marker root\n", GrubPlace()),
        ("", GrubPlace()),
    ],
)
def test_configurations(text: str, place: GrubPlace) -> None:
    assert place_in_config(text) == place


def test_images() -> None:
    assert place_of(Built("(,gpt1)/boot/grub")) == GrubPlace("/boot/grub", device=",gpt1")
    assert place_of(Built("/boot/grub", "search.fs_uuid x root\n")) == GrubPlace("/boot/grub", uuid="x")
    assert place_of(Built("(broken")) == GrubPlace()


@pytest.mark.parametrize(
    ("place", "found"),
    [
        (GrubPlace(uuid="abc-1"), BOOT),
        (GrubPlace(label="BOOT"), BOOT),
        (GrubPlace(device=",msdos2"), ROOT),
        (GrubPlace(device="hd0,2"), ROOT),
        (GrubPlace(device="lvmid/VGID/LVID"), LV),
        (GrubPlace(device="lvm/vg--0-root"), LV),
        (GrubPlace(device="mduuid/01234567"), MD),
        (GrubPlace(uuid="nobody"), "no filesystem here has UUID=nobody"),
        (GrubPlace(device=",msdos9"), "/dev/sda has no partition 9"),
        (GrubPlace(device="lvmid/VGID/other"), "no logical volume here has this id"),
        (GrubPlace(device="hd1,msdos1"), ""),
        (GrubPlace(device="cryptouuid/1"), ""),
        (GrubPlace(), ""),
    ],
)
def test_volumes(place: GrubPlace, found: Volume | str) -> None:
    assert find_volume(place, LAYOUT, DISK) == found


def test_paths_are_those_of_the_guest() -> None:
    mounts = (Mount("/", ROOT), Mount("/boot", BOOT))
    assert path_on(BOOT, "/grub", mounts) == "/boot/grub"
    assert path_on(ROOT, "/boot/grub", mounts) == "/boot/grub"
    assert path_on(LV, "/boot/grub", mounts) == ""
