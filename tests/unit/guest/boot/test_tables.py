"""What is wrong with partition tables, on disks made in memory."""

from __future__ import annotations

import struct

import pytest

from imgtools.guest.boot.tables import table_faults
from imgtools.volumes.partitions import read_disk
from tests.support.volumes import bytes_volume, gpt_disk

SECTOR = 512
SIZE = 8 << 20


def faults(content: bytes, *, is_volume: bool = False) -> list[str]:
    file = bytes_volume(content, "/dev/sda")
    return [one.kind for one in table_faults(file, read_disk(file, "/dev/sda"), is_volume=is_volume)]


def mbr(*parts: tuple[int, int, int]) -> bytes:
    """A disk of 8 MiB with partitions: type, first sector, sectors."""
    disk = bytearray(SIZE)
    for number, (kind, start, count) in enumerate(parts):
        struct.pack_into("<B3xB3xII", disk, 446 + 16 * number, 0, kind, start, count)
    disk[510:512] = b"\x55\xaa"
    return bytes(disk)


def with_backup(count: int = 128) -> bytearray:
    """An empty GPT with both copies: the second header is the first one with its places changed over."""
    import zlib

    disk = bytearray(gpt_disk(SECTOR, count))
    head = bytearray(disk[SECTOR : SECTOR + 92])
    struct.pack_into("<QQ", head, 24, count - 1, 1)
    struct.pack_into("<Q", head, 72, count - 33)
    struct.pack_into("<I", head, 16, 0)
    struct.pack_into("<I", head, 16, zlib.crc32(bytes(head)))
    disk[(count - 1) * SECTOR : (count - 1) * SECTOR + 92] = head
    return disk


def test_a_whole_gpt() -> None:
    assert faults(bytes(with_backup())) == []


def test_damage_of_a_gpt() -> None:
    whole = with_backup()
    first, last = whole[:], whole[:]
    first[SECTOR + 20] ^= 1
    last[-SECTOR] ^= 1
    both = first[:]
    both[-SECTOR] ^= 1
    unannounced = whole[:]
    unannounced[:SECTOR] = bytes(SECTOR)
    assert faults(bytes(first)) == ["gpt-primary-damaged"]
    assert faults(bytes(last)) == ["gpt-backup-damaged"]
    assert faults(bytes(both)) == ["gpt-damaged"]
    assert faults(bytes(unannounced)) == ["gpt-not-announced"]
    assert faults(bytes(whole) + bytes(SECTOR)) == ["gpt-backup-misplaced"]
    assert faults(bytes(whole[:-SECTOR])) == ["gpt-backup-misplaced"]


def test_a_hybrid() -> None:
    disk = with_backup()
    struct.pack_into("<B3xB3xII", disk, 462, 0x80, 0x83, 40, 10)
    assert faults(bytes(disk)) == ["gpt-hybrid"]


def test_partitions_of_an_mbr() -> None:
    assert faults(mbr((0x83, 2048, 1000), (0x83, 4096, 1000))) == []
    assert faults(mbr((0x83, 2048, 3000), (0x83, 4096, 1000))) == ["partitions-overlap"]
    assert faults(mbr((0x83, 2048, 1 << 20))) == ["partition-beyond-disk"]
    assert faults(mbr((0x05, 2048, 4000))) == ["logical-partitions-damaged"]


@pytest.mark.parametrize(("start", "at", "magic"), [(1 << 20, 1080, b"\x53\xef"), (63 * SECTOR, 0, b"XFSB")])
def test_a_table_that_is_gone(start: int, at: int, magic: bytes) -> None:
    disk = bytearray(SIZE)
    disk[start + at : start + at + len(magic)] = magic
    assert faults(bytes(disk)) == ["partition-table-missing"]
    assert faults(bytes(disk), is_volume=True) == []
    assert faults(bytes(SIZE)) == []
