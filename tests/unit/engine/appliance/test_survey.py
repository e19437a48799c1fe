"""Reading what the script in the appliance prints. ``survey.txt`` is a real answer: the fixtures luks2,
lvm-exotic (two disks), md and opensuse attached in this order, with the LUKS volume open."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.engine.appliance.survey import SCRIPT, Survey, parse_lvm, parse_subvolumes, parse_survey
from imgtools.errors import ApplianceFailed

MARK = "M4RK"
RECORDED = Path(__file__).with_name("survey.txt").read_bytes()


@pytest.fixture(scope="module")
def survey() -> Survey:
    """The recorded answer."""
    return parse_survey(RECORDED, MARK)


def test_every_kind_of_device_is_there(survey: Survey) -> None:
    names = {one.name for one in survey.devices}
    assert {"sda", "sda1", "sda2", "sdb", "sde2", "dm-0", "dm-15", "md127"} <= names
    assert not any(name.startswith(("ram", "loop")) for name in names)


def test_a_disk_knows_which_drive_it_is(survey: Survey) -> None:
    assert survey.targets == {"sda": 0, "sdb": 1, "sdc": 2, "sdd": 3, "sde": 4, "sdf": 5}


def test_sizes_are_bytes_and_contents_blkids_words(survey: Survey) -> None:
    found = {one.name: one for one in survey.devices}
    assert found["dm-0"].size == 64 << 20
    assert found["dm-0"].content.type == "ext4"
    assert found["dm-0"].content.label == "striped"
    assert found["dm-15"].content.version == "LVM2 001"
    assert found["sda2"].content.type == "crypto_LUKS"
    assert found["md127"].md_level == "raid1"
    assert found["md127"].slaves == ("sdd1", "sdd2")


def test_subvolumes_are_listed_with_their_ids(survey: Survey) -> None:
    (btrfs,) = [one for one in survey.devices if one.subvolumes]
    assert btrfs.content.type == "btrfs"
    assert (256, "@") in btrfs.subvolumes
    assert any(path == "@/.snapshots/1/snapshot" for _, path in btrfs.subvolumes)


def test_lvm_is_in_the_order_of_its_metadata(survey: Survey) -> None:
    exotic = next(vg for vg in survey.vgs if vg.name == "vg_exotic")
    visible = [lv.name for lv in exotic.lvs if not lv.name.startswith("[")]
    assert visible == ["pool", "striped", "mirrored", "origin", "before", "thin"]
    assert exotic.pvs == (
        ("/dev/sdb", "7cOTvk-eokP-X7vf-SXCl-inxD-8Gsw-M0sfLH", 264241152),
        ("/dev/sdc", "OhFXOg-xffd-hMmo-uKBk-bpDF-G44x-SKpA0z", 264241152),
    )


def test_a_device_with_several_marks_holds_nothing_for_sure() -> None:
    text = f"{MARK} device\nsda1\n8\n\n\n\n\n\n1\n{MARK} tags 8\n\n{MARK} lvm\n{MARK} said\n"
    (device,) = parse_survey(text.encode(), MARK).devices
    assert device.content.type == ""
    assert "several" in device.content.problem


def test_a_label_cannot_forge_our_lines() -> None:
    """The mark is new for each look, so a guest cannot know it; blkid keeps a label on one line."""
    assert "@MARK@" in SCRIPT
    text = (
        f"{MARK} device\nsda1\n8\n\n\n\n\n\n1\n{MARK} tags 0\nID_FS_LABEL_ENC=a\\x0adevice\nID_FS_TYPE=ext4\n"
    )
    (device,) = parse_survey(text.encode(), MARK).devices
    assert device.content.label == "a\ndevice"


def test_a_label_that_is_not_utf8_stays_what_it_is() -> None:
    text = f"{MARK} device\nsda1\n8\n\n\n\n\n\n1\n{MARK} tags 0\nID_FS_LABEL_ENC=a\\xff\nID_FS_TYPE=ext4\n"
    (device,) = parse_survey(text.encode(), MARK).devices
    assert device.content.label == "a\udcff"


def test_subvolume_names_may_hold_blanks_and_line_ends() -> None:
    text = "ID 256 gen 12 top level 5 path sp ace\nID 257 gen 8 top level 5 path two\nlines\n"
    assert parse_subvolumes(text) == [(256, "sp ace"), (257, "two\nlines")]
    assert parse_subvolumes("") == []


def test_why_subvolumes_could_not_be_listed_is_kept() -> None:
    text = (
        f"{MARK} device\nsda1\n8\n\n\n\n\n\n1\n{MARK} tags 0\nID_FS_TYPE=btrfs\n"
        f"{MARK} refused\nmount: /run/imgtools/btrfs: can't read superblock.\n{MARK} lvm\n{MARK} said\n"
    )
    (device,) = parse_survey(text.encode(), MARK).devices
    assert "can't read superblock" in device.refused


def test_lvm_that_says_nonsense_is_a_named_error() -> None:
    with pytest.raises(ApplianceFailed, match="lvm's report"):
        parse_lvm("WARNING: what {")
    assert parse_lvm("") == ()
