"""Where chunks of each profile lie, and chunks that cannot be."""

from __future__ import annotations

import struct

import pytest

from imgtools.errors import OddGuest
from imgtools.filesystems.btrfs.chunks import (
    DATA,
    DUP,
    METADATA,
    RAID0,
    RAID1,
    RAID1C3,
    RAID1C4,
    RAID5,
    RAID6,
    RAID10,
    STRIPE,
    Chunk,
    ChunkMap,
    parse_array,
    parse_chunk,
)
from tests.support.volumes import bytes_volume

START, LENGTH, SECTOR = 1 << 30, 6 * STRIPE, 4096


def chunk_item(kind: int, stripes: list[tuple[int, int]], **fields: int) -> bytes:
    """A chunk item; named fields are in the place of the usual ones."""
    usual = {"length": LENGTH, "stripe": STRIPE, "sector": SECTOR, "count": len(stripes), "partners": 2}
    found = usual | fields
    head = struct.pack(
        "<QQQQIIIHH", found["length"], 2, found["stripe"], kind, STRIPE, STRIPE,
        found["sector"], found["count"], found["partners"],
    )  # fmt: skip
    return head + b"".join(struct.pack("<QQ16s", device, place, bytes(16)) for device, place in stripes)


def devices(count: int) -> list[tuple[int, int]]:
    """Stripes, one on each device, at 1000 times its number."""
    return [(number, 1000 * number) for number in range(1, count + 1)]


# Of each profile: how many stripes, and for an offset in the chunk where it lies.
LAYOUTS = {
    "single": (0, 1, {0: [(1, 1000)], STRIPE + 5: [(1, 1000 + STRIPE + 5)]}),
    "DUP": (DUP, 2, {7: [(1, 1007), (2, 2007)]}),
    "RAID1": (RAID1, 2, {STRIPE * 2: [(1, 1000 + 2 * STRIPE), (2, 2000 + 2 * STRIPE)]}),
    "RAID1C3": (RAID1C3, 3, {7: [(1, 1007), (2, 2007), (3, 3007)]}),
    "RAID1C4": (RAID1C4, 4, {7: [(1, 1007), (2, 2007), (3, 3007), (4, 4007)]}),
    "RAID0": (RAID0, 2, {0: [(1, 1000)], STRIPE: [(2, 2000)], 2 * STRIPE + 9: [(1, 1000 + STRIPE + 9)]}),
    "RAID10": (
        RAID10, 4,
        {0: [(1, 1000), (2, 2000)], STRIPE: [(3, 3000), (4, 4000)],
         2 * STRIPE: [(1, 1000 + STRIPE), (2, 2000 + STRIPE)]},
    ),
    "RAID5": (
        RAID5, 3,
        {0: [(1, 1000)], STRIPE: [(2, 2000)], 2 * STRIPE: [(2, 2000 + STRIPE)], 3 * STRIPE: [(3, 3000 + STRIPE)],
         4 * STRIPE: [(3, 3000 + 2 * STRIPE)], 5 * STRIPE: [(1, 1000 + 2 * STRIPE)]},
    ),
    "RAID6": (
        RAID6, 4,
        {0: [(1, 1000)], STRIPE: [(2, 2000)], 2 * STRIPE: [(2, 2000 + STRIPE)], 3 * STRIPE: [(3, 3000 + STRIPE)]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_where_each_profile_lies(name: str) -> None:
    kind, count, expected = LAYOUTS[name]
    chunk = parse_chunk(chunk_item(DATA | kind, devices(count)), START, SECTOR)
    assert isinstance(chunk, Chunk)
    chunks = ChunkMap("/dev/sda", {})
    chunks.replace([chunk])
    for offset, places in expected.items():
        length, found = next(chunks.pieces(START + offset, LENGTH - offset))
        assert list(found) == places
        whole = LENGTH if kind in (0, DUP, RAID1, RAID1C3, RAID1C4) else STRIPE
        assert length == whole - offset % whole


REFUSED = {
    "no stripe": chunk_item(DATA, []),
    "fewer stripes than it says": chunk_item(DATA, devices(1), count=2),
    "one copy of two": chunk_item(DATA | RAID1, devices(1)),
    "three copies of two": chunk_item(DATA | RAID1, devices(3)),
    "two stripes of one": chunk_item(DATA, devices(2)),
    "a RAID5 of one device": chunk_item(DATA | RAID5, devices(1)),
    "a RAID6 of two": chunk_item(DATA | RAID6, devices(2)),
    "a RAID10 of three": chunk_item(DATA | RAID10, devices(3)),
    "a RAID10 of partners": chunk_item(DATA | RAID10, devices(4), partners=3),
    "two profiles": chunk_item(DATA | RAID1 | DUP, devices(2)),
    "of no use": chunk_item(RAID1, devices(2)),
    "an unknown profile": chunk_item(DATA | 1 << 20, devices(1)),
    "no length": chunk_item(DATA, devices(1), length=0),
    "half a sector": chunk_item(DATA, devices(1), length=2048),
    "without end": chunk_item(DATA, devices(1), length=(1 << 63)),
    "another stripe": chunk_item(DATA, devices(1), stripe=4096),
    "another sector": chunk_item(DATA, devices(1), sector=512),
    "cut": chunk_item(DATA, devices(1))[:40],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(name: str) -> None:
    assert isinstance(parse_chunk(REFUSED[name], START, SECTOR), str)


def test_the_array_of_the_superblock() -> None:
    key = struct.pack("<QBQ", 256, 228, START)
    one = key + chunk_item(METADATA | DUP, devices(2))
    found = parse_array(one * 2, SECTOR)
    assert isinstance(found, list) and len(found) == 2
    assert parse_array(one[:-1], SECTOR) == f"the chunk at {START} has 2 stripes in {len(one) - 18} bytes"
    assert parse_array(one + b"x", SECTOR) == "the chunks in the superblock are cut"


def test_chunks_that_overlap_and_addresses_without_one() -> None:
    chunks = ChunkMap("/dev/sda", {1: bytes_volume(bytes(range(100)))})
    with pytest.raises(OddGuest, match="overlap"):
        chunks.replace([Chunk(0, 10, DATA, ((1, 0),)), Chunk(9, 10, DATA, ((1, 0),))])
    chunks.replace([Chunk(0, 10, DATA, ((1, 5),)), Chunk(20, 10, DATA, ((2, 5),))])
    assert [list(places) for _, places in chunks.pieces(3, 4)] == [[(1, 8)]]
    for address in (10, 30, 1 << 40):
        with pytest.raises(OddGuest, match=f"no chunk has address {address}"):
            list(chunks.pieces(address, 1))
    with pytest.raises(OddGuest, match="no chunk has address 10"):
        list(chunks.pieces(5, 10))
    assert chunks.read((1, 8), 2) == bytes((8, 9))
    with pytest.raises(OddGuest, match="device 2 is missing"):
        chunks.read((2, 0), 1)
    with pytest.raises(OddGuest, match="lies on device 2"):
        chunks.check_devices()
