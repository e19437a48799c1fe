"""Partitions that come and go: whatever is asked for, they neither overlap nor leave the disk, or it is refused."""

from __future__ import annotations

import random

import pytest

from imgtools.errors import NoRoomInside, UsageError
from imgtools.resize.partition_edit import (
    Facts,
    NewPartition,
    added,
    changed,
    flags_of,
    gaps,
    new_table,
    removed,
)
from imgtools.resize.partitioning import PartitionTable, check_table

MIB = 1 << 20
UNIT = 2048


def test_gaps_of_an_mbr_leave_room_for_the_records_of_logical_partitions() -> None:
    table = new_table("dos", 64 * MIB)
    table, _ = added(table, NewPartition("16M", type="extended", start="16M"))
    table, first = added(table, NewPartition("4M", logical=True))
    assert first.start == 17 * UNIT
    inner = [(gap.start, gap.end) for gap in gaps(table) if gap.logical]
    assert inner == [(16 * UNIT, 17 * UNIT - 1), (21 * UNIT, 32 * UNIT)]
    table, second = added(table, NewPartition("1M", logical=True))
    assert second.start == 22 * UNIT  # a sector behind the first one is taken: not on the next MiB


def test_a_gpt_whose_entries_are_used_up() -> None:
    table = new_table("gpt", 300 * MIB)
    for number in range(1, 129):
        table, entry = added(table, NewPartition("1M"))
        assert entry.number == number
    with pytest.raises(NoRoomInside, match="all 128 are used"):
        added(table, NewPartition("1M"))


def test_the_first_gap_that_is_large_enough_and_the_largest_for_the_rest() -> None:
    table = new_table("gpt", 64 * MIB)
    for start in ("4M", "12M"):
        table, _ = added(table, NewPartition("2M", start=start))
    assert added(table, NewPartition("4M"))[1].start == 6 * UNIT
    assert added(table, NewPartition("1M"))[1].start == UNIT
    rest = added(table, NewPartition())[1]
    assert (rest.start, rest.size) == (14 * UNIT, 49 * UNIT)


def test_alignment() -> None:
    table, _ = added(new_table("gpt", 64 * MIB), NewPartition("1000K"))
    assert added(table, NewPartition("1M"))[1].start == 2 * UNIT
    assert added(table, NewPartition("1M", alignment=4096))[1].start == UNIT + 2000
    assert added(table, NewPartition("1M", alignment=4 * MIB))[1].start == 4 * UNIT


def test_an_mbr_ends_at_two_tebibytes() -> None:
    _, entry = added(new_table("dos", 3 << 40), NewPartition())
    assert entry.end <= 2**32 - 1 < entry.end + UNIT
    with pytest.raises(NoRoomInside):
        added(new_table("dos", 3 << 40), NewPartition("2.5T"))


def test_a_disk_without_room_for_a_table() -> None:
    with pytest.raises(NoRoomInside, match="16384 bytes"):
        new_table("gpt", 16384)


def test_attributes_in_sfdisks_words() -> None:
    wanted = NewPartition("1M", attributes=("guid:63,legacy-boot", "required", "guid:48"))
    _, entry = added(new_table("gpt", 64 * MIB), wanted)
    assert entry.attributes == "RequiredPartition LegacyBIOSBootable GUID:48,63"
    assert flags_of(entry) == ("required", "legacy-boot", "guid:48", "guid:63")


@pytest.mark.parametrize("label", ["gpt", "dos"])
def test_whatever_is_done_the_table_is_sound(label: str) -> None:
    chance = random.Random(label)
    refused = 0
    for _ in range(60):
        table: PartitionTable = new_table(label, chance.choice((20, 64, 200)) * MIB)
        for _ in range(25):
            try:
                table = _something(chance, table)
            except (NoRoomInside, UsageError):
                refused += 1
            check_table(table)
            numbers = [entry.number for entry in table.entries]
            assert len(set(numbers)) == len(numbers)
            logical = sorted(number for number in numbers if label == "dos" and number > 4)
            assert logical == list(range(5, 5 + len(logical)))
    assert refused < 60 * 25


def _something(chance: random.Random, table: PartitionTable) -> PartitionTable:
    size = chance.choice(
        ("rest", "1M", "700K", f"{chance.randrange(1, 30000)}", f"+{chance.randrange(1, 20)}M")
    )
    number = chance.choice([entry.number for entry in table.entries] or [1])
    match chance.randrange(6):
        case 0:
            return removed(table, number)[0]
        case 1:
            return changed(table, number, Facts(size=size))
        case 2:
            return added(table, NewPartition(size, start=str(512 * chance.randrange(400_000))))[0]
        case 3:
            return added(table, NewPartition(size, type="extended"))[0]
        case _:
            return added(
                table,
                NewPartition(size, logical=chance.random() < 0.4, alignment=512 << chance.randrange(12)),
            )[0]
