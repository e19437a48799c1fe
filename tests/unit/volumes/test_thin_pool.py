"""Thin volumes from their pool's metadata: what was written is found, all else is zeros, and damage is named."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgtools.errors import BadImage
from imgtools.volumes.computed_disk import ComputedDisk
from imgtools.volumes.thin_pool import BadPool, ThinMapping, open_thin
from tests.support.thin import (
    BLOCK,
    INTERNAL,
    NODE_SALT,
    POOL_BLOCK,
    SUPERBLOCK_SALT,
    metadata,
    node,
    sealed,
    u64,
)
from tests.support.volumes import bytes_volume

SIZE = 40 * POOL_BLOCK
DATA = b"".join(bytes([65 + number]) * POOL_BLOCK for number in range(16))


def opened(
    raw: bytes | bytearray, device: int = 1, *, external: bytes = b"", size: int = SIZE
) -> ComputedDisk:
    sources = [bytes_volume(DATA, "pool_tdata"), bytes_volume(bytes(raw), "pool_tmeta")]
    if external:
        sources.append(bytes_volume(external, "outside"))

    def rule(files: object) -> ThinMapping:
        return open_thin(sources, device_id=device, transaction=1, block_size=POOL_BLOCK, size=size)

    return ComputedDisk(sources, rule)


def letters(disk: ComputedDisk) -> str:
    raw = disk.read(0, disk.size)
    return "".join(chr(raw[at] or 46) for at in range(0, disk.size, POOL_BLOCK))


def test_blocks_are_where_the_tree_says() -> None:
    raw = metadata({1: {0: 3, 1: 4, 5: 0, 39: 15}, 2: {1: 1}})
    assert letters(opened(raw)) == "DE...A" + "." * 33 + "P"
    assert letters(opened(raw, 2)) == ".B" + "." * 38


def test_a_tree_of_two_levels() -> None:
    mapped = {number: number * 7 % 16 for number in range(0, 40, 2)}
    one, two = opened(metadata({1: mapped})), opened(metadata({1: mapped}, leaf=3))
    assert letters(one) == letters(two)
    assert one.read(100, SIZE - 300) == two.read(100, SIZE - 300)


def test_neighbours_are_one_piece_and_what_is_nowhere_is_told_as_far_as_the_leaf() -> None:
    find = opened(metadata({1: {2: 5, 3: 6, 4: 9}}))._mapping.find
    assert find(0)[2] == 2 * POOL_BLOCK
    assert find(2 * POOL_BLOCK + 1) == (0, 5 * POOL_BLOCK + 1, 2 * POOL_BLOCK - 1)
    assert find(5 * POOL_BLOCK)[2] == SIZE - 5 * POOL_BLOCK


def test_what_is_not_in_the_pool_reads_from_outside_as_far_as_that_goes() -> None:
    disk = opened(metadata({1: {0: 2}}), external=b"o" * (POOL_BLOCK + 10))
    assert disk.read(POOL_BLOCK - 1, 13) == b"C" + b"o" * 10 + b"\0\0"


def test_a_volume_of_which_nothing_was_written() -> None:
    assert letters(opened(metadata({1: {}}))) == "." * 40


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (metadata({1: {}}, flags=1), "its pool wants to be checked first"),
        (metadata({1: {}}, transaction=2), "its pool is at transaction 2, and LVM's text at 1"),
        (metadata({2: {}}), "its pool has no volume 1"),
        (bytearray(BLOCK * 4), "the metadata of its pool has no superblock"),
        (bytearray(10), "the metadata of its pool has no superblock"),
        (metadata({1: {}})[:40] + b"\1" + metadata({1: {}})[41:], "does not have its checksum"),
    ],
)
def test_a_pool_that_is_not_read(raw: bytearray, reason: str) -> None:
    with pytest.raises(BadPool, match=reason):
        opened(raw)


@pytest.mark.parametrize(("place", "value"), [(40, 9), (336, 1), (336, 0), (340, 16), (360, 1)])
def test_numbers_that_are_not_known(place: int, value: int) -> None:
    raw = metadata({1: {}})
    struct.pack_into("<I", raw, place, value)
    raw[:BLOCK] = sealed(raw[:BLOCK], SUPERBLOCK_SALT)
    with pytest.raises(BadPool):
        opened(raw)


def test_a_damaged_node_is_an_error_where_it_is_needed() -> None:
    raw = metadata({1: {0: 1}, 2: {0: 2}})
    raw[2 * BLOCK + 100] ^= 1
    assert letters(opened(raw))[0] == "B"
    with pytest.raises(BadImage, match="block 2 of the pool's metadata is damaged"):
        opened(raw, 2).read(0, 1)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (node(1, INTERNAL, [0], [u64(1)]), "deeper than 12"),
        (node(1, INTERNAL, [0], [u64(700)]), "has no block 700"),
        (node(1, INTERNAL, [], []), "is empty"),
        (node(1, 2, [5, 5], [u64(0)] * 2), "is not in order"),
        (node(1, 2, [0], [bytes(24)], 24), "is no node of its tree"),
        (node(1, 3, [0], [u64(0)]), "is no node of its tree"),
        (node(7, 2, [0], [u64(0)]), "is damaged"),
        (node(1, 2, [0], [u64(99 << 24)]), "names block 99 of its data"),
    ],
)
def test_a_tree_that_leads_nowhere_ends(made: bytearray, reason: str) -> None:
    raw = metadata({1: {0: 1}})
    raw[BLOCK : 2 * BLOCK] = made
    with pytest.raises(BadImage, match=reason):
        opened(raw).read(0, POOL_BLOCK)


def test_a_node_with_more_entries_than_it_has_room_for() -> None:
    raw = metadata({1: {0: 1}})
    struct.pack_into("<II", raw, BLOCK + 16, 600, 600)
    raw[BLOCK : 2 * BLOCK] = sealed(raw[BLOCK : 2 * BLOCK], NODE_SALT)
    with pytest.raises(BadImage, match="has 600 entries"):
        opened(raw).read(0, 1)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(0, 39), st.integers(0, 15), max_size=40), st.integers(1, 9))
def test_any_tree_reads_as_it_was_made(mapped: dict[int, int], leaf: int) -> None:
    expected = "".join(chr(65 + mapped[number]) if number in mapped else "." for number in range(40))
    assert letters(opened(metadata({1: mapped}, leaf=leaf))) == expected
