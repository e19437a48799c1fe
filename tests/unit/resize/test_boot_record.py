"""Boot sectors that name places on the disk."""

import struct

from imgtools.resize.boot_record import (
    boot_sector_copies,
    grub_core_sector,
    move_around,
    with_core_sector,
    with_hidden_sectors,
    with_shifted_list,
)
from imgtools.resize.partitioning import Entry
from imgtools.resize.relayout import Move

NTFS = (
    b"\xeb\x52\x90NTFS    " + bytes(17) + struct.pack("<I", 63) + bytes(8) + struct.pack("<Q", 9999)
).ljust(510, b"\0") + b"\x55\xaa"
GRUB = bytearray(b"\xeb\x63\x90".ljust(384, b"\0") + b"GRUB \0Geom\0Hard Disk\0Read\0 Error\r\n")
GRUB = bytearray(bytes(GRUB).ljust(510, b"\0") + b"\x55\xaa")
struct.pack_into("<Q", GRUB, 0x5C, 2048)


def test_grub_is_led_elsewhere() -> None:
    assert grub_core_sector(bytes(GRUB)) == 2048
    changed = with_core_sector(bytes(GRUB), 4096)
    assert grub_core_sector(changed) == 4096
    assert [at for at in range(512) if changed[at] != GRUB[at]] == [0x5D]


def test_other_boot_code_is_not_taken_for_grub() -> None:
    assert grub_core_sector(NTFS) is None
    assert grub_core_sector(bytes(512)) is None
    legacy = bytearray(GRUB)
    legacy[0x3E:0x40] = b"\x03\x02"  # GRUB 0.97: 8 bytes of its code are where GRUB 2 has a number
    assert grub_core_sector(bytes(legacy)) is None
    assert grub_core_sector(bytes(GRUB[:510]) + bytes(2)) is None
    assert grub_core_sector(b"GRUB is mentioned".ljust(510, b"\0") + b"\x55\xaa") is None


def test_every_stretch_of_the_list_shifts() -> None:
    core = bytearray(b"code".ljust(512, b"\x90"))
    core[464:476] = bytes(12)  # the end of the list
    struct.pack_into("<QHH", core, 500, 2049, 60, 0x820)
    struct.pack_into("<QHH", core, 488, 3000, 10, 0x900)
    core[476:488] = bytes(12)
    changed = with_shifted_list(bytes(core), 100)
    assert struct.unpack_from("<QHH", changed, 500) == (2149, 60, 0x820)
    assert struct.unpack_from("<QHH", changed, 488) == (3100, 10, 0x900)
    assert changed[:488] == core[:488]


def test_a_list_without_end_is_no_loop() -> None:
    assert len(with_shifted_list(b"\x01" * 512, 5)) == 512


def test_ntfs_learns_where_it_begins() -> None:
    changed = with_hidden_sectors(NTFS, 63, 2048)
    assert changed is not None
    assert struct.unpack_from("<I", changed, 0x1C) == (2048,)
    assert changed[:0x1C] + changed[0x20:] == NTFS[:0x1C] + NTFS[0x20:]
    assert boot_sector_copies(changed, 12000) == (9999, 11999)


def test_a_boot_sector_that_says_something_else_stays() -> None:
    assert with_hidden_sectors(NTFS, 64, 2048) is None
    assert with_hidden_sectors(bytes(512), 0, 2048) is None
    assert with_hidden_sectors(NTFS, 63, 1 << 33) is None


def test_a_sector_is_found_in_the_logical_partition_that_moved() -> None:
    extended = Move(Entry(2, 100, 900, "5"), Entry(2, 200, 900, "5"))
    logical = Move(Entry(5, 101, 400, "83"), Entry(5, 201, 400, "83"))
    still = Move(Entry(1, 1, 50, "83"), Entry(1, 1, 80, "83"))
    moves = [still, extended, logical]
    assert move_around(300, moves) is logical
    assert move_around(600, moves) is extended
    assert move_around(20, moves) is None
