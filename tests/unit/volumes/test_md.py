"""Arrays put together of their members: which take part, what is missing, and what is left to the kernel."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgtools.records.disks import MORE_DISKS, Declined
from imgtools.volumes.md import (
    MemberDisk,
    array_device,
    by_first_member,
    group_members,
    is_whole,
    put_together,
    read_member_disk,
)
from imgtools.volumes.volume_file import DiskFile
from tests.support.md import member, old_member, with_checksum
from tests.support.volumes import bytes_volume

CHUNK = 64 << 10
UUID = "00010203:04050607:08090a0b:0c0d0e0f"


def disks(*raws: bytes | bytearray) -> list[MemberDisk]:
    found = [
        read_member_disk(bytes_volume(bytes(raw), f"/dev/sd{chr(97 + index)}"), f"/dev/sd{chr(97 + index)}")
        for index, raw in enumerate(raws)
    ]
    return [one for one in found if one is not None]


def content(*raws: bytes | bytearray) -> bytes:
    file = put_together(disks(*raws), "/dev/md127").content
    assert isinstance(file, DiskFile), file
    assert file.name == "/dev/md127"
    return file.read_at(0, file.size)


def declined(*raws: bytes | bytearray) -> Declined:
    found = put_together(disks(*raws), "/dev/md127").content
    assert isinstance(found, Declined), found
    return found


def test_a_mirror_is_read_from_its_first_member_whatever_the_order() -> None:
    one, two = member(0, content=b"first"), member(1, content=b"second")
    assert content(one, two)[:5] == content(two, one)[:5] == b"first"
    assert put_together(disks(two, one), "/dev/md127").parents == ("/dev/sda", "/dev/sdb")


def test_a_mirror_without_one_of_its_members() -> None:
    assert content(member(1, content=b"second"))[:6] == b"second"
    assert not is_whole(disks(member(1)))


def test_a_member_that_is_behind_is_not_read() -> None:
    stale, fresh = member(0, content=b"stale", events=5), member(1, content=b"fresh", events=9)
    assert content(stale, fresh)[:5] == b"fresh"
    assert put_together(disks(stale, fresh), "/dev/md127").parents == ("/dev/sdb",)
    assert not is_whole(disks(stale, fresh))


def test_one_event_behind_is_not_behind() -> None:
    assert content(member(0, content=b"first", events=8), member(1, events=9))[:5] == b"first"


def test_what_the_newest_calls_faulty_is_not_read() -> None:
    """A member that was pulled out knows nothing of it."""
    pulled, left = member(0, content=b"stale"), member(1, content=b"fresh", roles=(0xFFFE, 1))
    left[4096 + 200] = 10
    left[4096:] = with_checksum(left[4096:])
    assert content(pulled, left)[:5] == b"fresh"


def test_chunks_go_round() -> None:
    raws = [member(role, level=0, wanted=3, content=bytes([65 + role]) * (2 * CHUNK)) for role in (2, 0, 1)]
    assert content(*raws)[: 6 * CHUNK : CHUNK] == b"ABCABC"


def test_an_old_array() -> None:
    assert len(content(old_member(0), old_member(1))) == (2 << 20) - 0x10000


@pytest.mark.parametrize(
    ("level", "wanted", "roles", "damaged"),
    [
        (0, 3, (0, 2), True),
        (5, 3, (0, 1), False),
        (5, 4, (0, 1), True),
        (6, 4, (0, 1), False),
        (-1, 2, (0,), True),
    ],
)
def test_what_is_missing_is_named(level: int, wanted: int, roles: tuple[int, ...], damaged: bool) -> None:
    """What the kernel starts without it, is left to the kernel."""
    found = declined(*(member(role, level=level, wanted=wanted) for role in roles))
    lost = [str(place) for place in range(wanted) if place not in roles]
    said = f"member {lost[0]} is" if len(lost) == 1 else f"members {', '.join(lost)} are"
    kind = "linear" if level == -1 else f"RAID{level}"
    assert found.reason == (
        f"the array host:data (UUID {UUID}), {kind}, has {len(roles)} of its {wanted} members; {said} missing"
    )
    assert (found.damaged, found.hint) == (damaged, MORE_DISKS)
    assert found.what == ("/dev/md/data" if damaged else "/dev/md127")


def test_a_member_that_is_behind_is_told() -> None:
    found = declined(member(0, level=0), member(1, level=0, events=2))
    assert found.reason.endswith("member 1 is missing (/dev/sdb: behind the others)")


def test_a_pair_of_raid10_without_which_it_does_not_start() -> None:
    near = 0x102
    whole = [member(role, level=10, wanted=4, layout=near, content=bytes([65 + role])) for role in range(4)]
    assert content(*whole)[0] == content(whole[1], whole[2])[0] - 1 == 65
    assert declined(whole[2], whole[3]).reason.endswith(
        "the members that hold some of its chunks are missing"
    )


@pytest.mark.parametrize(
    ("one", "two", "reason"),
    [
        ({"level": 0}, {"level": 0, "chunk": 4096}, "its members do not agree on how it is made"),
        ({"features": 8}, {}, "bad blocks are noted on one of its members"),
        ({"level": 77}, {"level": 77}, "level 77 is not read here"),
        ({"level": 10, "layout": 0}, {"level": 10, "layout": 0}, "make no RAID10"),
        ({"level": 10, "layout": 1 << 25}, {"level": 10, "layout": 1 << 25}, "make no RAID10"),
        ({"level": 5, "layout": 7}, {"level": 5, "layout": 7}, "make no RAID5"),
        ({"level": 5, "layout": 2, "chunk": 0}, {"level": 5, "layout": 2, "chunk": 0}, "make no RAID5"),
        ({"level": 0, "chunk": 0}, {"level": 0, "chunk": 0}, "chunks of 0 bytes"),
        ({"used": 8 << 20}, {"used": 8 << 20}, "bytes of each member are used"),
        ({"level": 0, "size": 3 << 20}, {"level": 0}, "it is not noted by which layout they are filled"),
    ],
)
def test_what_is_not_put_together(one: dict[str, int], two: dict[str, int], reason: str) -> None:
    assert reason in declined(member(0, **one), member(1, **two)).reason


def test_two_copies_of_a_member_are_not_chosen_from() -> None:
    found = declined(member(0), member(1), member(1))
    assert found.reason.endswith("/dev/sdc and /dev/sdb say that they are the same member")


def test_numbers_go_by_the_first_member_in_the_order_of_the_disks() -> None:
    first, second = disks(member(0), member(1, uuid=b"B" * 16))
    eleven, two = first._replace(device="/dev/sda11"), second._replace(device="/dev/sda2")
    assert [one[0].device for one in by_first_member([[eleven], [two]])] == ["/dev/sda2", "/dev/sda11"]
    assert [array_device(count) for count in (0, 1, 127, 128)] == [
        "/dev/md127", "/dev/md126", "/dev/md0", "/dev/md1048575",
    ]  # fmt: skip
    assert set(group_members([first, second])) == {bytes(range(16)).hex(), "42" * 16}


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_numbers_get_an_answer(data: st.DataObject) -> None:
    numbers = {
        "level": data.draw(st.sampled_from([-1, 0, 1, 4, 5, 6, 10, -100])),
        "wanted": data.draw(st.integers(0, 6)),
        "layout": data.draw(st.one_of(st.integers(0, 0x203), st.integers(0, (1 << 32) - 1))),
        "chunk": data.draw(st.sampled_from([0, 512, 4096, 5120, 65536, 1 << 30])),
        "used": data.draw(st.sampled_from([0, 4096, 1 << 20, 1 << 50])),
    }
    found = disks(
        *(
            member(role, roles=(0, 1, 2, 3), **numbers)
            for role in data.draw(st.sets(st.integers(0, 3), min_size=1))
        )
    )
    file = put_together(found, "/dev/md127").content
    if isinstance(file, DiskFile):
        assert len(file.read_at(0, 8 << 20)) == min(file.size, 8 << 20)
        assert file.read_at(max(0, file.size - 1), 1)
