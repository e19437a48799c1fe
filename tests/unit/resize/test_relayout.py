"""Dividing a disk anew, on tables that Hypothesis makes up and on layouts that people have."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.errors import UsageError, WouldLoseData
from imgtools.resize.partitioning import Entry, PartitionTable, grown, last_usable, smallest_disk
from imgtools.resize.relayout import Move, Relayout, Wishes, relayout

MIB = 1 << 20
UNIT = MIB // 512  # sectors
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"  # UAPI.2 Discoverable Partitions: Linux data


def disk(label: str, *entries: Entry, size: int = 100 * MIB) -> PartitionTable:
    empty = PartitionTable(label, "0x1", 512, 1 if label == "dos" else 34, 0, entries)
    return replace(empty, last=last_usable(empty, size))


def at(number: int, start: int, size: int, type: str = "83") -> Entry:
    """A partition whose place and size are MiB."""
    return Entry(number, start * UNIT, size * UNIT, type)


CLOUD = disk("gpt", at(1, 17, 30), at(14, 1, 4), at(15, 5, 12))
THREE = disk("dos", at(1, 1, 20), at(2, 21, 30), at(3, 51, 48))
OFFICE = disk("dos", at(1, 1, 20), at(2, 30, 60, "5"), at(5, 31, 19), at(6, 51, 19), at(7, 71, 19))


@st.composite
def cases(draw: st.DrawFn) -> tuple[PartitionTable, int, Wishes]:
    """A sound table with primary and logical partitions, a new size and wishes, sensible or not."""
    place, entries = UNIT, []
    label = draw(st.sampled_from(["gpt", "dos"]))
    for number in draw(st.permutations(range(1, draw(st.integers(1, 3)) + 1))):
        start, size = place + draw(st.integers(0, 3 * UNIT)), draw(st.integers(1, 40 * UNIT))
        entries.append(Entry(number, start, size, "83", f"guid-{number}"))
        place = start + size
    if label == "dos" and draw(st.booleans()):
        outer, number = place, 5
        for number in range(5, 5 + draw(st.integers(0, 3))):
            start, size = place + draw(st.integers(1, 3 * UNIT)), draw(st.integers(1, 20 * UNIT))
            entries.append(Entry(number, start, size, "83"))
            place = start + size
        entries.append(Entry(4, outer, place + draw(st.integers(1, UNIT)) - outer, "f"))
    numbers = st.sampled_from([entry.number for entry in entries])
    table = disk(label, *entries, size=0)
    table = grown(table, smallest_disk(table) + draw(st.integers(0, 9)) * MIB)
    wishes = Wishes(
        expand=draw(st.none() | numbers),
        shrink=draw(st.none() | numbers),
        resize=draw(st.dictionaries(numbers, st.integers(1, 60 * MIB), max_size=2)),
        delete=draw(st.frozensets(numbers, max_size=1)),
        alignment=draw(st.sampled_from([512, 64 << 10, MIB, 4 * MIB])),
        align_first=draw(st.booleans()),
    )
    return table, smallest_disk(table) + draw(st.integers(-40, 90)) * MIB, wishes


@given(cases())
def test_whatever_is_wished_the_result_is_sound(case: tuple[PartitionTable, int, Wishes]) -> None:
    table, size, wishes = case
    try:
        made = relayout(table, size, wishes)
    except (UsageError, WouldLoseData):
        return
    require_sound(made.table, size)
    for move in made.moves:
        require_kept(move, made, wishes)


def require_sound(table: PartitionTable, size: int) -> None:
    """Nothing overlaps or lies outside; written without the code under test."""
    outer = sorted((e for e in table.entries if not table.is_logical(e)), key=lambda entry: entry.start)
    inner = sorted((e for e in table.entries if table.is_logical(e)), key=lambda entry: entry.start)
    assert all(entry.size > 0 and entry.start > 0 and entry.end * 512 <= size for entry in outer)
    assert all(left.end <= right.start for left, right in pairwise(outer))
    assert all(left.end < right.start for left, right in pairwise(inner))
    for entry in inner:
        box = table.extended
        assert box and box.start < entry.start and entry.end <= box.end


def require_kept(move: Move, made: Relayout, wishes: Wishes) -> None:
    """Nothing changes that need not: identity, and size where no wish names the partition."""
    old, new = move.old, move.new
    if new is None:
        assert wishes.delete
        return
    assert (old.type, old.uuid, old.name) == (new.type, new.uuid, new.name)
    assert old.number == new.number or old.number > 4
    if old.number in wishes.resize:
        assert wishes.resize[old.number] <= new.size * 512 < wishes.resize[old.number] + wishes.alignment
    elif old.number == wishes.expand:
        assert new.size >= old.size
    elif old.number == wishes.shrink:
        assert new.size <= old.size
    elif not made.table.is_extended(new):
        assert new.size == old.size


def test_a_larger_disk_alone_changes_nothing() -> None:
    made = relayout(CLOUD, 200 * MIB, Wishes())
    assert made.table.entries == CLOUD.entries
    assert made.table.last == last_usable(CLOUD, 200 * MIB)


def test_cloud_root_takes_what_is_left_and_nothing_moves() -> None:
    made = relayout(CLOUD, 200 * MIB, Wishes(expand=1))
    assert made.table.entries == (at(1, 17, 182), at(14, 1, 4), at(15, 5, 12))


def test_what_lies_behind_moves_up() -> None:
    made = relayout(THREE, 200 * MIB, Wishes(expand=1))
    assert made.table.entries == (at(1, 1, 121), at(2, 122, 30), at(3, 152, 48))
    assert [move.has_moved for move in made.moves] == [False, True, True]


def test_what_lies_behind_moves_down_when_one_shrinks() -> None:
    made = relayout(THREE, 80 * MIB, Wishes(shrink=2))
    assert made.table.entries == (at(1, 1, 20), at(2, 21, 11), at(3, 32, 48))


def test_deleting_closes_the_gap() -> None:
    made = relayout(THREE, 100 * MIB, Wishes(delete=frozenset({1}), expand=3))
    assert made.table.entries == (at(2, 1, 30), at(3, 31, 69))


def test_logical_ones_behind_a_deleted_one_get_its_number() -> None:
    made = relayout(OFFICE, 100 * MIB, Wishes(delete=frozenset({5})))
    assert made.table.entries == (at(1, 1, 20), at(2, 30, 40, "5"), at(5, 31, 19), at(6, 51, 19))
    assert [move.old.number for move in made.moves if move.new is None] == [5]


def test_a_logical_one_takes_what_is_left() -> None:
    made = relayout(OFFICE, 150 * MIB, Wishes(expand=6))
    assert made.table.entries == (
        at(1, 1, 20),
        at(2, 30, 120, "5"),
        at(5, 31, 19),
        at(6, 51, 79),
        at(7, 131, 19),
    )


def test_deleting_the_extended_one_deletes_all_in_it() -> None:
    made = relayout(OFFICE, 100 * MIB, Wishes(delete=frozenset({2}), expand=1))
    assert made.table.entries == (at(1, 1, 99),)


def test_old_first_partition_stays_at_sector_63_unless_it_is_to_be_aligned() -> None:
    old = disk("dos", Entry(1, 63, 20 * UNIT - 63, "7"), at(2, 20, 30))
    assert relayout(old, 100 * MIB, Wishes(expand=2)).table.entries[0] == old.entries[0]
    moved = relayout(old, 100 * MIB, Wishes(expand=2, align_first=True)).table
    assert moved.entries == (Entry(1, UNIT, 20 * UNIT - 63, "7"), at(2, 21, 79))


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (Wishes(expand=1, shrink=2), "do not go together"),
        (Wishes(expand=9), "no partition 9"),
        (Wishes(delete=frozenset({9})), "no partition 9"),
        (Wishes(shrink=2), "partition 2 is the extended one"),
        (Wishes(resize={2: 5 * MIB}), "partition 2 is the extended one"),
        (Wishes(expand=2, delete=frozenset({2})), "partition 2 cannot be deleted and resized"),
        (Wishes(expand=1, resize={1: MIB}), "cannot have a size"),
        (Wishes(resize={1: MIB}, delete=frozenset({1})), "cannot be deleted and resized"),
        (Wishes(expand=5, delete=frozenset({2})), "partition 5 cannot be deleted and resized"),
        (Wishes(resize={1: -5}), "not a size"),
        (Wishes(alignment=100), "alignment of 100 bytes"),
        (Wishes(shrink=1), "need not shrink"),
    ],
)
def test_wishes_that_make_no_sense(wishes: Wishes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        relayout(OFFICE, 100 * MIB, wishes)


def test_too_small_a_disk_says_how_large_it_must_be() -> None:
    with pytest.raises(WouldLoseData, match=f"need a disk of {99 * MIB} bytes"):
        relayout(THREE, 90 * MIB, Wishes())
    with pytest.raises(WouldLoseData, match="cannot grow"):
        relayout(THREE, 90 * MIB, Wishes(expand=2))
    with pytest.raises(WouldLoseData, match="partition 1 is too small"):
        relayout(THREE, 60 * MIB, Wishes(shrink=1))


def test_the_extended_partition_has_the_room_itself() -> None:
    old = disk("dos", at(1, 1, 9), at(2, 10, 20, "5"), at(5, 11, 19))
    made = relayout(old, 100 * MIB, Wishes(expand=2)).table
    assert made.entries == (at(1, 1, 9), at(2, 10, 90, "5"), at(5, 11, 19))


@pytest.mark.parametrize(("label", "type"), [("gpt", LINUX), ("dos", "83")])
def test_what_is_left_becomes_a_partition(label: str, type: str) -> None:
    old = disk(label, at(1, 1, 9), at(3, 10, 20))
    made = relayout(old, 60 * MIB, Wishes(extra=True)).table
    (more,) = set(made.entries) - set(old.entries)
    assert (more.number, more.start, more.type) == (2, 30 * UNIT, type)
    assert more.end <= made.last + 1 < more.end + UNIT


def test_little_and_a_full_table_make_none() -> None:
    old = disk("dos", at(1, 1, 9), at(3, 10, 20))
    assert relayout(old, 39 * MIB, Wishes(extra=True)).table.entries == old.entries
    full = disk("dos", *(at(number, 4 * number, 4) for number in (1, 2, 3, 4)))
    assert relayout(full, 60 * MIB, Wishes(extra=True)).table.entries == full.entries
