"""How a new disk is divided: guestfish's presets, and room shared by least, most and weight."""

from __future__ import annotations

import pytest

from imgtools.engine.mkfs import NewFilesystem
from imgtools.errors import TooSmall, UsageError
from imgtools.newdisk.layout import MIB, PRESETS, Part, Subvolume, Wish, overhead, preset, share_out
from imgtools.records.request import Secret

EXT4 = NewFilesystem("ext4", moment=7)


def shared(room: int, *wishes: Wish, unit: int = MIB) -> list[int]:
    return [size // unit for size in share_out(room * unit, wishes, unit)]


@pytest.mark.parametrize("room", [0, 1, 6])
def test_less_than_the_least_is_refused(room: int) -> None:
    with pytest.raises(TooSmall, match=r"at least 7\.0M are needed"):
        share_out(room * MIB, (Wish(3 * MIB), Wish(4 * MIB - 5)))


@pytest.mark.parametrize(
    ("room", "wishes", "sizes"),
    [
        (0, (), []),
        (10, (), []),
        (7, (Wish(3 * MIB), Wish(4 * MIB)), [3, 4]),  # nothing to share
        (10, (Wish(),), [10]),
        (9, (Wish(), Wish()), [5, 4]),  # what cannot be halved is the first one's
        (10, (Wish(), Wish(weight=3000)), [3, 7]),
        (10, (Wish(MIB, weight=0), Wish(MIB)), [1, 9]),
        (10, (Wish(MIB, weight=0),), [1]),  # nobody wants the rest
        (10, (Wish(most=2 * MIB), Wish()), [2, 8]),
        (10, (Wish(most=2 * MIB), Wish(most=3 * MIB)), [2, 3]),
        (10, (Wish(4 * MIB, 4 * MIB), Wish()), [4, 6]),
        (10, (Wish(MIB - 1), Wish(most=MIB + MIB // 2)), [9, 1]),  # whole units only
    ],
)
def test_room_is_shared(room: int, wishes: tuple[Wish, ...], sizes: list[int]) -> None:
    assert shared(room, *wishes) == sizes


def test_the_unit_is_kept() -> None:
    assert share_out(100, (Wish(3), Wish(3)), unit=8) == [48, 48]


def test_what_is_no_preset() -> None:
    with pytest.raises(UsageError, match="no such layout: bootrot"):
        preset("bootrot", EXT4, "")


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "disk"])
def test_a_preset_with_partitions_needs_a_table(name: str) -> None:
    with pytest.raises(UsageError, match=f"the layout {name} has partitions"):
        preset(name, EXT4, "none")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_those_of_guestfish(name: str) -> None:
    layout = preset(name, EXT4, "")
    assert layout.label == ("none" if name == "disk" else "mbr")
    assert preset(name, EXT4, "gpt").label == ("none" if name == "disk" else "gpt")
    points = [point for part in layout.parts for point in part.mounts()]
    assert points == {"disk": [], "part": [], "lv": [], "fs": ["/"], "lvfs": ["/"]}.get(name, ["/boot", "/"])
    groups = [(part.group, part.volumes[0].name) for part in layout.parts if part.group]
    assert groups == ([("VG", "LV")] if "lv" in name else [])


def test_the_small_boot_partition_has_the_moment_too() -> None:
    boot = preset("bootroot", EXT4, "").parts[0]
    assert boot.filesystem == NewFilesystem("ext2", moment=7) and boot.size == Wish(128 * MIB, 128 * MIB)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (Part(), "linux"),
        (Part(filesystem=EXT4), "linux"),
        (Part(filesystem=NewFilesystem("swap")), "swap"),
        (Part(filesystem=NewFilesystem("vfat")), "fat"),
        (Part(filesystem=NewFilesystem("ntfs")), "basic"),
        (Part(group="g"), "lvm"),
        (Part(group="g", secret=Secret(b"x")), "luks"),  # what is seen from outside
        (Part("esp", filesystem=NewFilesystem("vfat")), "esp"),
    ],
)
def test_the_type_in_the_table(part: Part, kind: str) -> None:
    assert part.kind_of_partition == kind


def test_mount_points_of_what_is_inside() -> None:
    volume = Part(mount="/srv", subvolumes=(Subvolume("/@a", "/srv/a"), Subvolume("/@b")))
    assert Part(group="g", volumes=(Part(), volume)).mounts() == ["/srv", "/srv/a"]


@pytest.mark.parametrize(("label", "size"), [("none", 0), ("mbr", MIB), ("gpt", 2 * MIB)])
def test_what_the_table_takes(label: str, size: int) -> None:
    assert overhead(label) == size
