"""From btrfs' own addresses to places on its devices.

A chunk maps a range of addresses to stripes on devices, one after the other, in turn, or several times.
Source: Linux, fs/btrfs/volumes.c (btrfs_map_block, btrfs_raid_array) and fs/btrfs/tree-checker.c
(btrfs_check_chunk_valid).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from imgtools.filesystems.btrfs.structures import CHUNK_ITEM, CHUNKS, KEY, damaged
from imgtools.volumes.volume_file import DiskFile

STRIPE = 64 << 10  # BTRFS_STRIPE_LEN: no other was ever used
DATA, SYSTEM, METADATA = 1, 2, 4
RAID0, RAID1, DUP, RAID10, RAID5, RAID6, RAID1C3, RAID1C4 = (8 << bit for bit in range(8))
PROFILES = RAID0 | RAID1 | DUP | RAID10 | RAID5 | RAID6 | RAID1C3 | RAID1C4
MOST_STRIPES = 1 << 12  # more than any item has room for


class Profile(NamedTuple):
    """How chunks of one kind lie on devices (btrfs_raid_array)."""

    order: int  # as the kernel numbers them
    copies: int
    least: int  # devices
    on_device: int = 1  # stripes on one device
    parity: int = 0


PROFILE = {
    RAID10: Profile(0, 2, 2),
    RAID1: Profile(1, 2, 2),
    DUP: Profile(2, 2, 1, on_device=2),
    RAID0: Profile(3, 1, 1),
    0: Profile(4, 1, 1),
    RAID5: Profile(5, 1, 2, parity=1),
    RAID6: Profile(6, 1, 3, parity=2),
    RAID1C3: Profile(7, 3, 3),
    RAID1C4: Profile(8, 4, 4),
}


class Chunk(NamedTuple):
    """A range of addresses; ``stripes`` are pairs of a device's number and an offset on it."""

    start: int
    length: int
    kind: int
    stripes: tuple[tuple[int, int], ...]
    partners: int = 1  # RAID10: how many stripes hold the same

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + self.length

    @property
    def profile(self) -> int:
        """Its profile's flag; 0: a single copy."""
        return self.kind & PROFILES


Place = tuple[int, int]  # a device's number, and an offset on it

_CHUNK = struct.Struct(
    "<QQQQIIIHH"
)  # length owner stripe_len type io_align io_width sector_size num_stripes sub_stripes
_STRIPE = struct.Struct("<QQ16s")


def parse_chunk(raw: bytes, start: int, sector: int) -> Chunk | str:
    """Read a chunk item, or say what is wrong with it."""
    if len(raw) < _CHUNK.size:
        return "a chunk item is cut"
    length, _owner, stripe, kind, _align, _width, size, count, partners = _CHUNK.unpack_from(raw)
    if not 0 < count <= MOST_STRIPES or len(raw) < _CHUNK.size + count * _STRIPE.size:
        return f"the chunk at {start} has {count} stripes in {len(raw)} bytes"
    stripes = tuple(
        (device, offset)
        for device, offset, _uuid in struct.iter_unpack("<QQ16s", raw[_CHUNK.size : _CHUNK.size + count * 32])
    )
    found = Chunk(start, length, kind, stripes, partners)
    is_sane = (
        start % sector == 0
        and 0 < length < 1 << 63
        and length % sector == 0
        and start + length <= 1 << 64
        and stripe == STRIPE
        and size == sector
        and kind & (DATA | SYSTEM | METADATA)
        and not kind & ~(DATA | SYSTEM | METADATA | PROFILES)
        and found.profile in PROFILE
        and _fits(found)
    )
    return found if is_sane else f"the chunk at {start} cannot be"


def _fits(chunk: Chunk) -> bool:
    """Whether the number of stripes is one that the profile has."""
    count, known = len(chunk.stripes), PROFILE[chunk.profile]
    if chunk.profile == RAID10:
        return chunk.partners == 2 and count % 2 == 0
    if chunk.profile == RAID0:
        return True
    if known.parity:
        return count >= known.least
    return count == known.copies


def parse_array(raw: bytes, sector: int) -> list[Chunk] | str:
    """The chunks that the superblock itself names, in which the tree of all chunks lies."""
    found, at = [], 0
    while at < len(raw):
        if at + KEY.size + _CHUNK.size > len(raw):
            return "the chunks in the superblock are cut"
        number, kind, start = KEY.unpack_from(raw, at)
        at += KEY.size
        if number != CHUNKS or kind != CHUNK_ITEM:
            return "the superblock names something else than chunks"
        chunk = parse_chunk(raw[at:], start, sector)
        if isinstance(chunk, str):
            return chunk
        found.append(chunk)
        at += _CHUNK.size + len(chunk.stripes) * _STRIPE.size
    return found


class ChunkMap:
    """All chunks of one filesystem.

    :param name: of its volume, for errors.
    :param devices: by their numbers.
    """

    def __init__(self, name: str, devices: Mapping[int, DiskFile]) -> None:
        self._name = name
        self._devices = devices
        self._chunks: list[Chunk] = []
        self._starts: list[int] = []

    @property
    def chunks(self) -> Sequence[Chunk]:
        """They, in the order of their addresses."""
        return self._chunks

    def replace(self, chunks: Sequence[Chunk]) -> None:
        """Take these in the place of those that were known.

        :raises OddGuest: two of them overlap.
        """
        self._chunks = sorted(chunks)
        self._starts = [chunk.start for chunk in self._chunks]
        for one, other in zip(self._chunks, self._chunks[1:], strict=False):
            if one.end > other.start:
                damaged(self._name, f"the chunks at {one.start} and {other.start} overlap")

    def check_devices(self) -> None:
        """See whether the devices of all chunks are there.

        :raises OddGuest: one is not.
        """
        for chunk in self._chunks:
            if missing := [device for device, _ in chunk.stripes if device not in self._devices]:
                damaged(
                    self._name, f"the chunk at {chunk.start} lies on device {missing[0]}, which there is not"
                )

    def pieces(self, address: int, length: int) -> Iterator[tuple[int, Sequence[Place]]]:
        """Yield the pieces that a range lies in: length, and the places that hold it, one of which is enough.

        :raises OddGuest: no chunk has a part of it.
        """
        while length > 0:
            index = bisect_right(self._starts, address) - 1
            chunk = self._chunks[index] if index >= 0 else None
            if chunk is None or address >= chunk.end:
                damaged(self._name, f"no chunk has address {address}")
            size, places = _places(chunk, address - chunk.start)
            size = min(size, chunk.end - address, length)
            yield size, places
            address += size
            length -= size

    def read(self, place: Place, length: int) -> bytes:
        """Return bytes of a device.

        :raises BadImage: it ends before.
        :raises OddGuest: the device is missing.
        """
        device = self._devices.get(place[0])
        if device is None:
            damaged(self._name, f"device {place[0]} is missing")
        return device.read_exactly(place[1], length)


def _places(chunk: Chunk, inner: int) -> tuple[int, Sequence[Place]]:
    """How far a chunk goes on the same way from an offset in it, and where that lies."""
    stripes, profile = chunk.stripes, chunk.profile
    if profile in (0, DUP, RAID1, RAID1C3, RAID1C4):
        return chunk.length - inner, [(device, offset + inner) for device, offset in stripes]
    number, rest = divmod(inner, STRIPE)
    if profile == RAID0:
        row, column = divmod(number, len(stripes))
        chosen = stripes[column : column + 1]
    elif profile == RAID10:
        row, column = divmod(number, len(stripes) // chunk.partners)
        chosen = stripes[column * chunk.partners : (column + 1) * chunk.partners]
    else:  # RAID5, RAID6: the place of the parity wanders by one with each row
        row, column = divmod(number, len(stripes) - PROFILE[profile].parity)
        column = (row + column) % len(stripes)
        chosen = stripes[column : column + 1]
    return STRIPE - rest, [(device, offset + row * STRIPE + rest) for device, offset in chosen]
