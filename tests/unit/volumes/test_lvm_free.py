"""Extents that no logical volume has are free; where nobody can be sure, none is."""

from __future__ import annotations

from imgtools.volumes.lvm import Member, read_member
from imgtools.volumes.lvm_free import FreeExtents, free_extents
from tests.support.lvm import EXTENT, group_text, make_pv, segment, volume_text
from tests.support.volumes import bytes_volume

ROOT = volume_text("root", "r", [segment(0, 4, ("pv0", 2)), segment(4, 3, ("pv0", 9))])


def member(raw: bytearray, device: str = "/dev/sda1") -> Member:
    found = read_member(bytes_volume(bytes(raw), device), device)
    assert found is not None
    return found


def free(*members: Member) -> list[FreeExtents]:
    return list(free_extents(members))


def extents(*pairs: tuple[int, int]) -> list[tuple[int, int]]:
    return [(EXTENT * (1 + first), EXTENT * (1 + last)) for first, last in pairs]


def test_what_no_segment_names_is_free() -> None:
    (found,) = free(member(make_pv("a", group_text(["a"], [ROOT]))))
    assert found == FreeExtents("/dev/sda1", "vg", extents((0, 2), (6, 9), (12, 14)))


def test_stripes_have_equal_parts() -> None:
    text = group_text(["a", "b"], [volume_text("fast", "f", [segment(0, 8, ("pv0", 0), ("pv1", 5))])])
    one, other = free(member(make_pv("a", text)), member(make_pv("b", text), "/dev/sdb1"))
    assert one.ranges == extents((4, 14)) and other.ranges == extents((0, 5), (9, 14))


def test_of_a_kind_that_is_not_known_all_may_be_used() -> None:
    odd = volume_text("odd", "o", [segment(0, 6, ("pv0", 1), ("pv0", 8), kind="new-kind")])
    (found,) = free(member(make_pv("a", group_text(["a"], [odd]))))
    assert found.ranges == extents((0, 1), (7, 8))


def test_hidden_volumes_count() -> None:
    hidden = volume_text("pool_tdata", "h", [segment(0, 3, ("pv0", 0))], status='"READ", "WRITE"')
    (found,) = free(member(make_pv("a", group_text(["a"], [hidden]))))
    assert found.ranges == extents((3, 14))


def test_of_a_group_that_is_not_whole_nothing_is_free() -> None:
    (found,) = free(member(make_pv("a", group_text(["a", "b"], [ROOT]))))
    assert found.ranges == [] and "not there as a whole" in found.problem


def test_extents_behind_the_end_are_told() -> None:
    beyond = volume_text("root", "r", [segment(0, 4, ("pv0", 12))])
    (found,) = free(member(make_pv("a", group_text(["a"], [beyond]))))
    assert found.ranges == [] and "does not have" in found.problem


def test_a_volume_of_no_group_has_none() -> None:
    assert free(member(make_pv("a", None))) == []
