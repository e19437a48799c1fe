"""Planning on tables that Hypothesis makes up, and the layouts that people have."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.errors import BadImage, ImgtoolsError, UsageError, WouldLoseData
from imgtools.resize.partitioning import (
    Entry,
    PartitionTable,
    check_table,
    expand,
    expand_auto,
    grown,
    last_usable,
    moved,
    room_behind,
    shrink,
    smallest_disk,
)

MIB = 1 << 20
UNIT = MIB // 512  # sectors
GPT = PartitionTable("gpt", "id", 512, 2048, last=0, entries=())


def cloud(size: int = 100 * MIB) -> PartitionTable:
    """Root is number 1 and last on the disk."""
    entries = (
        Entry(1, 17 * UNIT, 30 * UNIT, "L"),
        Entry(14, UNIT, 4 * UNIT, "B"),
        Entry(15, 5 * UNIT, 12 * UNIT, "E"),
    )
    return replace(GPT, last=last_usable(GPT, size), entries=entries)


def office(size: int = 100 * MIB) -> PartitionTable:
    """A primary, and two logical partitions at the end of an extended one."""
    entries = (
        Entry(1, UNIT, 20 * UNIT, "7"),
        Entry(2, 30 * UNIT, 40 * UNIT, "5"),
        Entry(5, 31 * UNIT, 19 * UNIT, "83"),
        Entry(6, 51 * UNIT, 19 * UNIT, "82"),
    )
    return PartitionTable("dos", "0x1", 512, 1, size // 512 - 1, entries)


@st.composite
def tables(draw: st.DrawFn) -> tuple[PartitionTable, int]:
    """A sound table in any order of numbers, with gaps, not aligned, and the size of its disk."""
    sector = draw(st.sampled_from([512, 4096]))
    label = draw(st.sampled_from(["gpt", "dos"]))
    count = draw(st.integers(1, 4 if label == "dos" else 9))
    numbers = draw(st.permutations(range(1, count + 1)))
    place, entries = MIB // sector, []
    for number in numbers:
        start = place + draw(st.integers(0, 3 * MIB // sector))
        size = draw(st.integers(1, 40 * MIB // sector))
        entries.append(Entry(number, start, size, "L", f"guid-{number}", f"name {number}"))
        place = start + size
    empty = PartitionTable(label, "id", sector, 1 if label == "dos" else 34, 0, tuple(entries))
    disk = smallest_disk(empty) + draw(st.integers(0, 64)) * MIB
    return grown(empty, disk), disk


def sound(table: PartitionTable, disk: int) -> bool:
    """Whether nothing overlaps or lies outside, written without the code under test."""
    ordered = sorted(table.entries, key=lambda entry: entry.start)
    inside = all(entry.start > 0 and entry.end * table.sector_size <= disk for entry in ordered)
    return inside and all(left.end <= right.start for left, right in pairwise(ordered))


def identities(table: PartitionTable) -> list[tuple[object, ...]]:
    return [(entry.number, entry.type, entry.uuid, entry.name) for entry in table.entries]


@given(tables(), st.integers(1, 9), st.integers(0, 200))
def test_expanding(made: tuple[PartitionTable, int], number: int, more: int) -> None:
    table, disk = made
    larger = disk + more * MIB
    try:
        new = expand(table, number, larger)
    except UsageError:
        return
    old_entry, entry = table.entry(number), new.entry(number)
    assert old_entry and entry and sound(new, larger) and identities(new) == identities(table)
    assert entry.start == old_entry.start and entry.size > old_entry.size
    assert entry.end * new.sector_size % MIB == 0
    assert [e for e in new.entries if e != entry] == [e for e in table.entries if e != old_entry]


@given(tables(), st.integers(1, 9), st.integers(1, 40 * MIB))
def test_shrinking_and_growing_back(made: tuple[PartitionTable, int], number: int, size: int) -> None:
    table, disk = made
    try:
        new = shrink(table, number, size)
    except UsageError:
        return
    entry = new.entry(number)
    assert entry and sound(new, disk) and identities(new) == identities(table)
    assert size <= entry.size * table.sector_size < size + MIB
    assert room_behind(table, number)[0] <= room_behind(new, number)[0]


@given(tables(), st.integers(1, 9), st.integers(0, 300))
def test_moving_never_overlaps(made: tuple[PartitionTable, int], number: int, place: int) -> None:
    table, disk = made
    try:
        new = moved(table, number, place * MIB)
    except UsageError:
        return
    assert sound(new, disk) and identities(new) == identities(table)


@given(tables(), st.integers(-64, 64))
def test_the_smallest_disk_has_room_and_a_smaller_one_has_not(
    made: tuple[PartitionTable, int], more: int
) -> None:
    table, _ = made
    least = smallest_disk(table)
    try:
        assert sound(grown(table, least + more * MIB), least + more * MIB)
        assert more >= 0
    except WouldLoseData:
        assert more < 0


def test_cloud_root_grows_though_its_number_is_1() -> None:
    number, new = expand_auto(cloud(), {1, 15}, 200 * MIB)
    assert number == 1
    assert new.entries[1:] == cloud().entries[1:]
    assert new.entries[0].end == 199 * UNIT  # the backup GPT needs a little of the last MiB


def test_what_lies_behind_is_named() -> None:
    with pytest.raises(
        UsageError, match=r"partition 14 cannot grow: partition 15 lies behind it, at byte 5242880"
    ):
        expand(cloud(), 14)


def test_the_end_of_the_disk_is_named() -> None:
    with pytest.raises(UsageError, match="partition 1 cannot grow: the disk ends behind it"):
        expand(expand(cloud(), 1), 1)


def test_extended_grows_before_the_logical_one() -> None:
    new = expand(office(), 6, 200 * MIB)
    assert new.entry(2) == Entry(2, 30 * UNIT, 170 * UNIT, "5")
    assert new.entry(6) == Entry(6, 51 * UNIT, 149 * UNIT, "82")
    check_table(new)


def test_a_logical_one_leaves_the_sector_before_the_next() -> None:
    assert expand(shrink(office(), 5, 10 * MIB), 5).entry(5) == Entry(5, 31 * UNIT, 19 * UNIT, "83")


def test_primary_stops_at_the_extended_one() -> None:
    assert expand(office(), 1).entry(1) == Entry(1, UNIT, 29 * UNIT, "7")


def test_extended_does_not_shrink_below_what_it_holds() -> None:
    with pytest.raises(WouldLoseData, match="logical partition 6"):
        shrink(office(), 2, 30 * MIB)
    smaller = shrink(shrink(office(), 6, 5 * MIB), 2, 26 * MIB)
    assert smaller.entry(2) == Entry(2, 30 * UNIT, 26 * UNIT, "5")
    check_table(smaller)


def test_a_disk_too_small_says_how_large_it_must_be() -> None:
    with pytest.raises(WouldLoseData) as error:
        grown(cloud(), 40 * MIB)
    assert "partition 1 ends at byte" in error.value.message
    assert str(smallest_disk(cloud())) in error.value.hint


def test_mbr_ends_at_2_tib() -> None:
    new = expand(office(), 6, 5 << 40)
    assert new.entry(2).end == 2**32 - UNIT  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="an MBR names no sector beyond 2 TiB"):
        expand(new, 6)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ((Entry(1, 2048, 100, "L"), Entry(2, 2100, 10, "L")), "1 and 2 overlap"),
        ((Entry(3, 2048, 1 << 40, "L"),), "partition 3 lies outside"),
        ((Entry(3, 5, 10, "L"),), "partition 3 lies outside"),
    ],
)
def test_odd_tables_are_refused(entries: tuple[Entry, ...], words: str) -> None:
    with pytest.raises(BadImage, match=words):
        check_table(replace(cloud(), entries=entries))


def test_logical_one_outside_is_refused() -> None:
    with pytest.raises(BadImage, match="logical partition 6 lies outside"):
        check_table(replace(office(), entries=(*office().entries[:3], Entry(6, 80 * UNIT, UNIT, "83"))))


def test_no_such_partition() -> None:
    for act in (lambda: expand(cloud(), 7), lambda: shrink(cloud(), 7, MIB), lambda: moved(cloud(), 7, 0)):
        with pytest.raises(ImgtoolsError, match="there is no partition 7"):
            act()
