"""LVM's RAID: which images may be read is what their superblocks say."""

from __future__ import annotations

import struct

import pytest

from imgtools.records.disks import MORE_DISKS, Declined
from imgtools.volumes.lvm_raid import image_names, put_together
from imgtools.volumes.lvm_text import BadText, Section
from imgtools.volumes.volume_file import DiskFile
from tests.support.volumes import bytes_volume

SIZE = 256 << 10
NEVER = (1 << 64) - 1
LOST = Declined("/dev/vg/data", "the physical volume U of the volume group vg is missing", True, MORE_DISKS)


def superblock(events: int = 5, failed: int = 0, recovered: int = NEVER, flags: int = 0) -> DiskFile:
    raw = bytearray(4096)
    struct.pack_into("<I", raw, 0, 0x64526D44)
    struct.pack_into("<QQQ", raw, 16, events, failed, recovered)
    struct.pack_into("<I", raw, 60, flags)
    return bytes_volume(bytes(raw))


def image(letter: str) -> DiskFile:
    return bytes_volume(letter.encode() * SIZE)


def segment(**values: int) -> Section:
    return Section(dict(values) or {"stripe_size": 8})


def first(kind: str, *parts: tuple[DiskFile | Declined | None, DiskFile | Declined]) -> str:
    found = put_together(kind, segment(), parts, "/dev/vg/data")
    return found.reason if isinstance(found, Declined) else found.read_at(0, 1).decode()


def test_a_mirror_is_read_from_the_first_image_that_is_in_order() -> None:
    good, b = superblock(), image("b")
    assert first("raid1", (good, image("a")), (good, b)) == "a"
    assert first("raid1", (superblock(recovered=8), image("a")), (good, b)) == "b"
    assert first("raid1", (superblock(events=4), image("a")), (good, b)) == "b"
    assert first("raid1", (superblock(events=4), image("a")), (superblock(failed=1), b)) == "b"
    assert first("raid1", (bytes_volume(bytes(4096)), image("a")), (good, b)) == "b"
    assert first("raid1", (LOST, LOST), (good, b)) == "b"


def test_where_no_image_has_a_superblock_nothing_is_known_against_them() -> None:
    blank = bytes_volume(bytes(4096))
    assert first("raid1", (blank, image("a")), (blank, image("b"))) == "a"


def test_images_without_superblocks() -> None:
    assert first("raid0", (None, image("a")), (None, image("b"))) == "a"


def test_what_is_missing_and_who_may_read_it_all_the_same() -> None:
    good, lost = (superblock(), image("a")), (LOST, LOST)
    for kind, parts, damaged in (("raid0", (good, lost), True), ("raid5", (good, good, lost), False)):
        found = put_together(kind, segment(), parts, "/dev/vg/data")
        assert isinstance(found, Declined) and found.damaged is damaged
        assert f"{len(parts) - 1} of its {len(parts)} images can be read: {LOST.reason}" == found.reason
    found = put_together("raid5", segment(), (good, lost, lost), "/dev/vg/data")
    assert isinstance(found, Declined) and (found.damaged, found.hint) == (True, MORE_DISKS)


def test_an_image_that_is_behind_is_the_other_engines() -> None:
    good, stale = (superblock(), image("a")), (superblock(events=2), image("b"))
    found = put_together("raid5", segment(), (good, good, stale), "/dev/vg/data")
    assert isinstance(found, Declined) and not found.damaged


def test_what_is_being_reshaped() -> None:
    good = (superblock(flags=1), image("a"))
    assert first("raid5", good, good, good) == "it is being reshaped"


def test_more_copies_than_two() -> None:
    parts = [(superblock(), image(letter)) for letter in "aab"]
    found = put_together("raid10", segment(stripe_size=8, data_copies=3), parts, "/dev/vg/data")
    assert isinstance(found, DiskFile) and found.size == SIZE


@pytest.mark.parametrize("words", [["a"], ["m", "i"] * 254])
def test_a_list_that_is_none(words: list[str]) -> None:
    with pytest.raises(BadText):
        list(image_names(Section({"raids": list(words)}), "raid1"))
