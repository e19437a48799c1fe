"""From the appliance's devices to the layout that both engines give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.engine.appliance.layout import build_layout
from imgtools.engine.appliance.names import DeviceNames
from imgtools.engine.appliance.survey import BlockDevice, LvmLv, LvmVg, Survey, parse_survey
from imgtools.engine.direct.probe import Content
from imgtools.records.disks import MORE_DISKS, Declined, Disk, Holder, Layout, Partition, Volume

SURVEY = parse_survey(Path(__file__).with_name("survey.txt").read_bytes(), "M4RK")
MIB = 1 << 20


def table(device: str, size: int, *parts: tuple[int, int]) -> Disk:
    """A GPT disk with these partitions (start, size)."""
    partitions = tuple(
        Partition(
            f"{device}{number}",
            number,
            start,
            length,
            "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
            id=f"ID{number}",
        )
        for number, (start, length) in enumerate(parts, 1)
    )
    return Disk(device, size, table="gpt", partitions=partitions)


DISKS = (
    table("/dev/sda", 400 * MIB, (MIB, 48 * MIB), (49 * MIB, 350 * MIB)),
    Disk("/dev/sdb", 256 * MIB),
    Disk("/dev/sdc", 256 * MIB),
    table("/dev/sdd", 400 * MIB, (MIB, 180 * MIB), (181 * MIB, 180 * MIB)),
    table("/dev/sde", 800 * MIB, (MIB, 8 * MIB), (9 * MIB, 640 * MIB)),
)


@pytest.fixture(scope="module")
def layout() -> Layout:
    """The layout of the recorded survey."""
    return build_layout(SURVEY, DISKS, DeviceNames(SURVEY.targets, len(DISKS)))


def volume(layout: Layout, device: str) -> Volume:
    """The volume of that name."""
    return next(one for one in layout.volumes if one.device == device)


def test_opened_encryption_and_the_lvm_in_it(layout: Layout) -> None:
    opened = volume(layout, "/dev/mapper/luks-d0d0d0d0-000f-4000-8000-000000000e01")
    assert (opened.holder, opened.content, opened.parents) == (Holder.CRYPT, "LVM2_member", ("/dev/sda2",))
    root = volume(layout, "/dev/vg_crypt/root")
    assert (root.holder, root.content, root.size) == (Holder.LV, "ext4", 200 * MIB)
    assert root.parents == (opened.device,)
    assert [pv.device for pv in layout.pvs] == ["/dev/sdb", "/dev/sdc", opened.device]
    assert [vg.name for vg in layout.vgs] == ["vg_exotic", "vg_crypt"]


def test_kinds_of_logical_volumes(layout: Layout) -> None:
    kinds = {lv.name: lv.kind for lv in layout.lvs if lv.vg == "vg_exotic"}
    assert kinds == {
        "pool": "thin-pool",
        "striped": "striped",
        "mirrored": "raid1",
        "origin": "linear",
        "before": "snapshot",
        "thin": "thin",
    }


def test_hidden_parts_and_pools_are_no_volumes(layout: Layout) -> None:
    devices = {one.device for one in layout.volumes if one.device.startswith("/dev/vg_exotic/")}
    assert devices == {
        f"/dev/vg_exotic/{name}" for name in ("striped", "mirrored", "origin", "before", "thin")
    }


def test_parents_go_through_hidden_parts(layout: Layout) -> None:
    assert volume(layout, "/dev/vg_exotic/mirrored").parents == ("/dev/sdb", "/dev/sdc")
    assert set(volume(layout, "/dev/vg_exotic/thin").parents) == {"/dev/sdb", "/dev/sdc"}
    assert volume(layout, "/dev/vg_exotic/origin").parents == ("/dev/sdb",)


def test_a_snapshot_is_as_large_as_what_it_shows(layout: Layout) -> None:
    assert volume(layout, "/dev/vg_exotic/before").size == 32 * MIB


def test_md_arrays_and_their_members(layout: Layout) -> None:
    array = volume(layout, "/dev/md127")
    assert (array.holder, array.content, array.parents) == (Holder.MD, "ext4", ("/dev/sdd1", "/dev/sdd2"))
    assert volume(layout, "/dev/sdd1").content == "linux_raid_member"
    assert layout.unread == ()


def test_subvolumes_are_volumes_of_their_own(layout: Layout) -> None:
    sub = volume(layout, "btrfsvol:/dev/sde2/@/home")
    assert (sub.holder, sub.content, sub.parents) == (Holder.SUBVOLUME, "btrfs", ("/dev/sde2",))
    assert sub.uuid == volume(layout, "/dev/sde2").uuid


def test_a_disk_that_the_kernel_met_first_is_still_the_second() -> None:
    """Linux names SCSI disks in the order in which their probes end."""
    content = {"sda1": Content("xfs"), "sdb1": Content("ext4")}
    devices = (
        BlockDevice("sda", 8 * MIB, target=1),
        BlockDevice("sdb", 4 * MIB, target=0),
        BlockDevice("sdc", MIB, target=2, content=Content("ext2")),  # the appliance's own
        *(BlockDevice(name, MIB, is_partition=True, content=one) for name, one in content.items()),
    )
    vg = LvmVg("vg", "U", 0, 0, 0, (("/dev/sda1", "P", 1),), ())
    survey = Survey(devices, (vg,))
    names = DeviceNames(survey.targets, 2)
    disks = (table("/dev/sda", 4 * MIB, (MIB, MIB)), table("/dev/sdb", 8 * MIB, (MIB, MIB)))
    found = build_layout(survey, disks, names)
    assert {one.device: one.content for one in found.volumes} == {"/dev/sda1": "ext4", "/dev/sdb1": "xfs"}
    assert [pv.device for pv in found.pvs] == ["/dev/sdb1"]
    assert names.kernel("/dev/sda1") == "/dev/sdb1"
    assert names.kernel("/dev/vg/lv") == "/dev/vg/lv"
    assert names.device("sdc") is None


def test_disks_that_were_plugged_in_are_the_first_all_the_same() -> None:
    """A shared appliance has an empty drive and its own before them."""
    names = DeviceNames({"sda": 0, "sdb": 1, "sdd": 2, "sdc": 3}, 2, first=2)
    assert [names.device(f"sd{letter}1") for letter in "abcd"] == [None, None, "/dev/sdb1", "/dev/sda1"]
    assert names.kernel("/dev/sda1") == "/dev/sdd1"


def test_an_array_that_is_not_together_is_said() -> None:
    member = BlockDevice("sda", 8 * MIB, target=0, content=Content("linux_raid_member"))
    found = build_layout(Survey((member,)), (Disk("/dev/sda", 8 * MIB),), DeviceNames({"sda": 0}, 1))
    assert [(one.what, one.reason) for one in found.unread] == [
        ("/dev/sda", "its md array could not be assembled")
    ]


def test_a_logical_volume_that_is_not_active_is_said() -> None:
    lv = LvmLv("root", "L", 4 * MIB, "public", "-wi-----p-", (("linear", "[unknown](0)"),))
    vg = LvmVg("vg", "V", 0, 0, 0, (("/dev/sda", "P", 1), ("[unknown]", "Q", 1)), (lv,))
    disk = BlockDevice("sda", 8 * MIB, target=0, content=Content("LVM2_member"))
    found = build_layout(Survey((disk,), (vg,)), (Disk("/dev/sda", 8 * MIB),), DeviceNames({"sda": 0}, 1))
    reason = "the physical volume Q of the volume group vg is missing"
    assert found.unread == (Declined("/dev/vg/root", reason, damaged=True, hint=MORE_DISKS),)
    assert [pv.device for pv in found.pvs] == ["/dev/sda"]
    assert [one.device for one in found.lvs] == ["/dev/vg/root"]


def test_partitions_that_the_kernel_does_not_see_are_said() -> None:
    disk = BlockDevice("sda", 8 * MIB, target=0)
    found = build_layout(
        Survey((disk,)), (table("/dev/sda", 8 * MIB, (MIB, MIB)),), DeviceNames({"sda": 0}, 1)
    )
    assert [one.what for one in found.unread] == ["/dev/sda1"]
    assert [one.device for one in found.volumes] == ["/dev/sda1"]


def test_an_extended_partition_holds_nothing_itself() -> None:
    extended = Partition("/dev/sda2", 2, MIB, 4 * MIB, "0x0f", kind="extended")
    disk = Disk("/dev/sda", 8 * MIB, table="dos", partitions=(extended,))
    seen = BlockDevice("sda2", 1024, is_partition=True, content=Content("ext4"))
    survey = Survey((BlockDevice("sda", 8 * MIB, target=0), seen))
    (found,) = build_layout(survey, (disk,), DeviceNames({"sda": 0}, 1)).volumes
    assert (found.content, found.size) == ("", 4 * MIB)


@pytest.mark.parametrize(("content", "kept"), [("iso9660", ""), ("", "dos")])
def test_an_empty_table_counts_only_on_an_empty_disk(content: str, kept: str) -> None:
    disk = Disk("/dev/sda", 8 * MIB, table="dos", table_id="00000000")
    survey = Survey((BlockDevice("sda", 8 * MIB, target=0, content=Content(content)),))
    found = build_layout(survey, (disk,), DeviceNames({"sda": 0}, 1))
    assert found.disks[0].table == kept
    assert bool(found.volumes) is not bool(kept)


def test_partitions_of_an_array_stand_for_it() -> None:
    array = BlockDevice("md0", 8 * MIB, md_level="raid1", slaves=("sda",), content=Content(""))
    part = BlockDevice("md0p1", MIB, is_partition=True, content=Content("ext4"))
    member = BlockDevice("sda", 8 * MIB, target=0, content=Content("linux_raid_member"))
    survey = Survey((array, part, member))
    found = build_layout(survey, (Disk("/dev/sda", 8 * MIB),), DeviceNames({"sda": 0}, 1))
    assert [one.device for one in found.volumes] == ["/dev/sda", "/dev/md0p1"]
    assert found.volumes[1].parents == ("/dev/md0",)
    assert replace(found, volumes=()).unread == ()


def md(name: str, *slaves: str, degraded: bool = False) -> BlockDevice:
    return BlockDevice(name, 8 * MIB, md_level="raid1", slaves=slaves, is_degraded=degraded)


def test_arrays_are_numbered_by_their_first_members_and_not_as_the_kernel_met_them() -> None:
    disks = [BlockDevice(f"sd{letter}", 8 * MIB, target=number) for number, letter in enumerate("cabd")]
    survey = Survey(
        (
            *disks,
            BlockDevice("sdz", MIB, target=9),
            md("md120", "sdb", "sdd"),  # our third and fourth disk
            md("md126", "sdc", "sda", degraded=True),  # our first, without a member
            md("md127", "sda", "sdd"),  # our second
            md("md0", "md127", "md120"),  # on the whole ones
            md("md5", "sdz"),  # the appliance's own
        )
    )
    names = DeviceNames(survey.targets, 4, survey=survey)
    assert {name: names.device(name) for name in ("md127", "md120", "md0", "md126")} == {
        "md127": "/dev/md127", "md120": "/dev/md126", "md0": "/dev/md125", "md126": "/dev/md124",
    }  # fmt: skip
    assert names.device("md120p2") == "/dev/md126p2"
    assert [names.kernel(f"/dev/md{number}") for number in (127, 126, "126p1")] == [
        "/dev/md127", "/dev/md120", "/dev/md120p1",
    ]  # fmt: skip
    assert [one.name for one in names.in_order(survey.devices)] == ["md127", "md120", "md0", "md126"]


def test_why_an_array_is_not_together_is_said_once_and_a_member_behind_is_not() -> None:
    members = [
        BlockDevice(f"sd{letter}", 8 * MIB, target=number, content=Content("linux_raid_member", uuid=uuid))
        for number, (letter, uuid) in enumerate((("a", "A"), ("b", "A"), ("c", "B"), ("d", "B")))
    ]
    survey = Survey((*members, md("md127", "sda")))
    disks = tuple(Disk(f"/dev/sd{letter}", 8 * MIB) for letter in "abcd")
    why = Declined("/dev/md/data", "two members are missing", damaged=True, hint=MORE_DISKS)
    found = build_layout(
        survey,
        disks,
        DeviceNames(survey.targets, 4, survey=survey),
        {"B": why}.get,  # type: ignore[arg-type]
    )
    assert found.unread == (why,)
    assert [(one.device, one.parents) for one in found.arrays] == [("/dev/md127", ("/dev/sda",))]
