"""Inodes of ext and the maps of their blocks, from bytes made by hand, each field at its boundary."""

from __future__ import annotations

import struct
import time

import pytest

from imgtools.errors import BadImage, EditFailed, OddGuest
from imgtools.filesystems.ext.inode import (
    EXTENT_MAGIC,
    FLAG_EXTENTS,
    INODE,
    ExtentMap,
    IndirectMap,
    Inode,
    encode_device,
    has_blocks,
    new_inode,
    parse_device,
    parse_extent,
    parse_inode,
    parse_time,
    write_times,
)
from imgtools.records.files import FileKind, FileStat
from tests.support.volumes import bytes_volume

SECOND = 1_000_000_000
EMPTY = bytes_volume(b"")
BLOCK = 64  # bytes of a block here: five entries of an extent tree, sixteen of a table


def raw_inode(mode: int = 0o100644, *, length: int = 256, extra: bytes = b"", **fields: int | bytes) -> bytes:
    names = (
        *(
            "mode",
            "uid",
            "size",
            "atime",
            "ctime",
            "mtime",
            "dtime",
            "gid",
            "links",
            "sectors",
            "flags",
            "version",
        ),
        *("block", "generation", "acl", "size_high", "fragment", "sectors_high", "acl_high", "uid_high"),
        *("gid_high", "sum", "reserved"),
    )
    values: dict[str, int | bytes] = dict.fromkeys(names, 0)
    values |= {"mode": mode, "block": bytes(60), **fields}
    return (INODE.pack(*values.values()) + extra).ljust(length, b"\0")


def parsed(raw: bytes, *, large_dirs: bool = False) -> Inode:
    return parse_inode(EMPTY, 12, raw, large_dirs=large_dirs)


# -- fields -----------------------------------------------------------------------------------------------


def test_every_field_is_where_linux_has_it() -> None:
    found = parsed(
        raw_inode(
            0o104755, uid=1, uid_high=2, gid=3, gid_high=4, size=5, size_high=6, links=7, sectors=8, flags=9,
            acl=10, acl_high=11, atime=12, mtime=13, ctime=14, block=b"\x05" * 60,
            extra=struct.pack("<HHIII", 32, 0, 4 << 2, 8 << 2 | 1, 12 << 2) + bytes(16) + b"tail",
        )
    )  # fmt: skip
    assert found == Inode(
        12,
        FileStat(
            FileKind.FILE, 6 << 32 | 5, 0o4755, 2 << 16 | 1, 4 << 16 | 3, 7, 12, (0, 0),
            12 * SECOND + 12, (13 + (1 << 32)) * SECOND + 8, 14 * SECOND + 4,
        ),
        9, 8, b"\x05" * 60, 11 << 32 | 10, (b"tail").ljust(256 - 160, b"\0"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("extra", "fields"),
    [(7, ""), (8, "c"), (11, "c"), (12, "cm"), (15, "cm"), (16, "cma"), (32, "cma")],
)
def test_fields_beyond_the_extra_size_are_not_there(extra: int, fields: str) -> None:
    stat = parsed(raw_inode(extra=struct.pack("<HHIII", extra, 0, 4, 4, 4))).stat
    assert (stat.ctime, stat.mtime, stat.atime) == tuple(int(name in fields) for name in "cma")


@pytest.mark.parametrize(
    ("length", "extra", "tail"), [(128, 0, 0), (256, 32, 96), (256, 128, 0), (256, 999, 0)]
)
def test_attributes_are_behind_the_fields(length: int, extra: int, tail: int) -> None:
    more = struct.pack("<HHIII", extra, 0, 0, 0, 0) if length > 128 else b""
    assert len(parsed(raw_inode(length=length, extra=more)).tail) == tail


@pytest.mark.parametrize(
    ("mode", "large", "size"),
    [(0o100000, False, 1 << 32), (0o040000, False, 0), (0o040000, True, 1 << 32), (0o120000, True, 0)],
)
def test_who_may_be_larger_than_4_gib(mode: int, large: bool, size: int) -> None:
    assert parsed(raw_inode(mode, size_high=1), large_dirs=large).stat.size == size


@pytest.mark.parametrize("mode", [0, 0o030000, 0o170000])
def test_a_mode_of_no_kind_is_damage(mode: int) -> None:
    with pytest.raises(OddGuest, match=rf"/dev/sda1: damaged ext filesystem: inode 12 has mode {mode:#o}$"):
        parsed(raw_inode(mode))


@pytest.mark.parametrize(("mode", "device"), [(0o020000, (1, 3)), (0o060000, (1, 3)), (0o010000, (0, 0))])
def test_only_devices_have_a_number(mode: int, device: tuple[int, int]) -> None:
    assert parsed(raw_inode(mode, block=struct.pack("<I", 0x103).ljust(60, b"\0"))).stat.device == device


@pytest.mark.parametrize(
    ("seconds", "extra", "time"),
    [
        (0x7FFFFFFF, 0, 0x7FFFFFFF * SECOND),
        (0x80000000, 0, -0x80000000 * SECOND),
        (0xFFFFFFFF, 0, -SECOND),
        (0x80000000, 1, 0x80000000 * SECOND),
        (0, 3, (3 << 32) * SECOND),
        (1, 999_999_999 << 2 | 2, (1 + (2 << 32)) * SECOND + 999_999_999),
    ],
)
def test_times(seconds: int, extra: int, time: int) -> None:
    assert parse_time(seconds, extra) == time
    raw = bytearray(raw_inode(extra=struct.pack("<H", 32)))
    write_times(raw, mtime=time)
    assert parsed(bytes(raw)).stat.mtime == time


DEVICES = [(0, 0), (1, 3), (255, 255), (256, 0), (0, 256), (259, 1), (4095, (1 << 20) - 1), (8, 0x12345)]


@pytest.mark.parametrize("device", DEVICES)
def test_device_numbers(device: tuple[int, int]) -> None:
    written = encode_device(device)
    assert parse_device(written) == device
    assert any(written[:4]) is (0 < max(device) < 256)


@pytest.mark.parametrize("device", [(4096, 0), (0, 1 << 20), (-1, 0), (0, -1)])
def test_no_device_has_such_a_number(device: tuple[int, int]) -> None:
    with pytest.raises(EditFailed, match=f"no device can have the number {device[0]}:{device[1]}"):
        encode_device(device)


def test_device_numbers_as_linux_keeps_them() -> None:
    assert encode_device((8, 1)) == struct.pack("<II", 0x801, 0)
    assert encode_device((259, 0x12345)) == struct.pack("<II", 0, 0x45 | 259 << 8 | 0x12300 << 12)


# -- writing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-(1 << 31) - 1, (1 << 31) + (3 << 32)])
def test_ext4_has_no_such_time(seconds: int) -> None:
    with pytest.raises(EditFailed, match=f"ext4 has no such time: {seconds} s since 1970"):
        write_times(bytearray(256), mtime=seconds * SECOND)


def test_the_first_and_the_last_time() -> None:
    for seconds in (-(1 << 31), (1 << 31) + (3 << 32) - 1):
        raw = bytearray(raw_inode(extra=struct.pack("<H", 32)))
        write_times(raw, atime=seconds * SECOND)
        assert parsed(bytes(raw)).stat.atime == seconds * SECOND


@pytest.mark.parametrize(("extra", "room"), [(24, True), (23, False), (0, False)])
def test_the_time_of_birth_needs_room(extra: int, room: bool) -> None:
    raw = bytearray(raw_inode(extra=struct.pack("<H", extra)))
    write_times(raw, crtime=5 * SECOND + 1)
    assert struct.unpack_from("<II", raw, 144) == ((5, 4) if room else (0, 0))


@pytest.mark.parametrize(("extra", "fraction"), [(8, 4), (7, 0)])
def test_fractions_need_room(extra: int, fraction: int) -> None:
    raw = bytearray(raw_inode(extra=struct.pack("<H", extra)))
    write_times(raw, ctime=5 * SECOND + 1)
    assert struct.unpack_from("<I", raw, 12) == (5,) and struct.unpack_from("<I", raw, 132) == (fraction,)


def test_small_inodes_end_in_2038() -> None:
    raw = bytearray(128)
    write_times(raw, mtime=(1 << 31) * SECOND, atime=-SECOND, crtime=SECOND)
    assert struct.unpack_from("<I", raw, 16) == ((1 << 31) - 1,) and struct.unpack_from("<i", raw, 8) == (-1,)
    assert len(raw) == 128


@pytest.mark.parametrize("size", [128, 159, 160, 256])
@pytest.mark.parametrize("extents", [False, True])
def test_a_new_inode(size: int, extents: bool) -> None:
    kinds = {
        FileKind.FILE: 0o100000, FileKind.DIRECTORY: 0o040000, FileKind.CHARACTER: 0o020000,
        FileKind.BLOCK: 0o060000, FileKind.FIFO: 0o010000, FileKind.SOCKET: 0o140000,
    }  # fmt: skip
    for kind, bits in kinds.items():
        raw = bytes(new_inode(kind, 0o107644, size, time.time_ns(), device=(8, 1), extents=extents))
        assert len(raw) == size and struct.unpack_from("<H", raw) == (bits | 0o7644,)
        if size in (128, 256):
            found = parsed(raw)
            assert (found.stat.kind, found.stat.links, found.stat.size) == (kind, 1, 0)
            assert found.stat.atime == found.stat.mtime == found.stat.ctime > 1_600_000_000 * SECOND
            assert bool(found.flags & FLAG_EXTENTS) is (extents and kind is FileKind.FILE)
            if kind is FileKind.FILE:
                root = struct.pack("<HHHHI", EXTENT_MAGIC, 0, 4, 0, 0) if extents else b""
                assert found.block == root.ljust(60, b"\0")
            is_device = kind in (FileKind.CHARACTER, FileKind.BLOCK)
            assert found.stat.device == ((8, 1) if is_device else (0, 0))
        assert size < 160 or struct.unpack_from("<H", raw, 128) == (32,)


@pytest.mark.parametrize(
    ("mode", "size", "flags", "blocks"),
    [
        (0o100000, 0, 0, True),
        (0o040000, 0, 0, True),
        (0o120000, 59, 0, False),
        (0o120000, 60, 0, True),
        (0o120000, 1, FLAG_EXTENTS, True),
        (0o020000, 99, 0, False),
        (0o010000, 99, FLAG_EXTENTS, False),
    ],
)
def test_whose_blocks_lie_elsewhere(mode: int, size: int, flags: int, blocks: bool) -> None:
    assert has_blocks(parsed(raw_inode(mode, size=size, flags=flags))) is blocks


# -- extents ----------------------------------------------------------------------------------------------


def node(level: int, *entries: bytes, count: int | None = None, magic: int = EXTENT_MAGIC) -> bytes:
    head = struct.pack("<HHHHI", magic, len(entries) if count is None else count, 4, level, 0)
    return head + b"".join(entries)


def leaf(first: int, length: int, place: int) -> bytes:
    return struct.pack("<IHHI", first, length, place >> 32, place & 0xFFFFFFFF)


def index(first: int, place: int) -> bytes:
    return struct.pack("<IIHH", first, place & 0xFFFFFFFF, place >> 32, 0)


def extents(root: bytes, *blocks: bytes) -> ExtentMap:
    disk = bytes_volume(b"".join(block.ljust(BLOCK, b"\0") for block in blocks))
    return ExtentMap(disk, BLOCK, parsed(raw_inode(block=root.ljust(60, b"\0"))))


@pytest.mark.parametrize(
    ("length", "found"),
    [(1, (5, 1, 9)), (32768, (5, 32768, 9)), (32769, (5, 1, None)), (65535, (5, 32767, None))],
)
def test_an_extent_that_was_never_written_reads_as_zeros(
    length: int, found: tuple[int, int, int | None]
) -> None:
    assert parse_extent(5, length, 0, 9) == found
    assert parse_extent(5, 1, 2, 9) == (5, 1, 2 << 32 | 9)


def test_a_flat_tree_has_holes_before_between_and_behind() -> None:
    tree = extents(node(0, leaf(2, 3, 50), leaf(10, 4, 100), leaf(20, 32770, 7)))
    answers = {
        0: (None, 2), 1: (None, 1), 2: (50, 3), 4: (52, 1), 5: (None, 5), 9: (None, 1), 10: (100, 4), 13: (103, 1),
        14: (None, 6), 20: (None, 2), 21: (None, 1), 22: (None, (1 << 62) - 22),
    }  # fmt: skip
    assert {block: tree.find(block) for block in answers} == answers
    assert extents(node(0)).find(3) == (None, (1 << 62) - 3)


def test_a_tree_of_three_levels() -> None:
    tree = extents(
        node(2, index(0, 0), index(100, 1)),
        node(1, index(0, 2), index(50, 3)),
        node(1, index(100, 4)),
        node(0, leaf(0, 10, 1000)),
        node(0, leaf(60, 5, 2000)),
        node(0, leaf(150, 5, 3000)),
    )
    answers = {
        0: (1000, 10), 10: (None, 40), 49: (None, 1), 50: (None, 10), 60: (2000, 5), 65: (None, 35), 99: (None, 1),
        100: (None, 50), 150: (3000, 5), 155: (None, (1 << 62) - 155),
    }  # fmt: skip
    assert {block: tree.find(block) for block in answers} == answers
    assert {block: tree.find(block) for block in reversed(answers)} == answers


def test_a_leaf_is_read_once_for_what_it_covers() -> None:
    tree = extents(node(1, index(0, 0), index(8, 1)), node(0, leaf(0, 4, 9)), node(0, leaf(8, 4, 99)))
    assert tree.find(7) == (None, 1)
    tree._disk = EMPTY
    assert tree.find(0) == (9, 4) and tree.find(3) == (12, 1)
    with pytest.raises(BadImage, match="the filesystem names byte"):
        tree.find(8)


FULL = [leaf(number, 1, number) for number in range(5)]


@pytest.mark.parametrize(
    ("root", "blocks"),
    [
        (node(0, magic=0xF30B), ()),
        (node(0, *FULL[:4], count=5), ()),
        (node(6, index(0, 0)), ()),
        (node(1), ()),
        (node(1, index(0, 0)), (node(1, index(0, 0)),)),
        (node(2, index(0, 0)), (node(0, leaf(0, 1, 1)),)),
        (node(1, index(0, 0)), (node(0, *FULL[:4], count=5),)),
        (node(1, index(0, 0)), (b"",)),
    ],
)
def test_a_tree_that_cannot_be_is_damage(root: bytes, blocks: tuple[bytes, ...]) -> None:
    with pytest.raises(OddGuest, match=r"inode 12 has (a bad extent tree|an empty extent index)"):
        extents(root, *blocks).find(0)


def test_a_tree_may_be_as_deep_and_as_full_as_linux_makes_it() -> None:
    blocks = [node(level, index(0, 5 - level)) for level in (4, 3, 2, 1)] + [node(0, *FULL[:4])]
    assert extents(node(5, index(0, 0)), *blocks[0:]).find(3) == (3, 1)


def test_a_place_above_32_bits() -> None:
    tree = extents(node(0, leaf(0, 1, 5 << 32 | 7)))
    assert tree.find(0) == (5 << 32 | 7, 1)
    with pytest.raises(BadImage, match="the filesystem names byte"):
        extents(node(1, index(0, 1 << 32)), node(0, leaf(0, 1, 1))).find(0)


# -- tables -----------------------------------------------------------------------------------------------

EACH = BLOCK // 4


def table(*entries: int) -> bytes:
    return struct.pack(f"<{EACH}I", *entries, *[0] * (EACH - len(entries)))


def indirect(*roots: int, blocks: tuple[bytes, ...] = ()) -> IndirectMap:
    raw = raw_inode(block=struct.pack("<15I", *roots, *[0] * (15 - len(roots))))
    return IndirectMap(bytes_volume(b"".join(blocks)), BLOCK, parsed(raw))


def test_the_first_twelve_blocks_stand_in_the_inode() -> None:
    found = indirect(5, 6, 7, 0, 0, 9, 11, 12, 13, 14, 15, 16)
    answers = {0: (5, 3), 2: (7, 1), 3: (None, 2), 4: (None, 1), 5: (9, 1), 6: (11, 6), 11: (16, 1)}
    assert {block: found.find(block) for block in answers} == answers


def test_tables_of_three_levels() -> None:
    one, two, three = 12, 12 + EACH, 12 + EACH + EACH**2
    blocks = (
        table(), table(70, 71, 0), table(0, 3), table(80), table(0, 0, 5), table(0, 6), table(*range(90, 90 + EACH)),
    )  # fmt: skip
    found = indirect(*[0] * 12, 1, 2, 4, blocks=blocks)
    answers: dict[int, tuple[int | None, int]] = {
        one: (70, 2), one + 1: (71, 1), one + 2: (None, EACH - 2), two - 1: (None, 1),
        two: (None, EACH), two + 1: (None, EACH - 1), two + EACH: (80, 1), two + EACH + 1: (None, EACH - 1),
        two + 2 * EACH: (None, EACH), three: (None, EACH**2), three + 5: (None, EACH**2 - 5),
        three + 2 * EACH**2: (None, EACH), three + 2 * EACH**2 + EACH: (90, EACH),
        three + 2 * EACH**2 + EACH + 3: (93, EACH - 3), three + EACH**3 - 1: (None, 1),
        three + EACH**3: (None, 1 << 62),
    }  # fmt: skip
    assert {block: found.find(block) for block in answers} == answers


def test_without_tables_all_is_a_hole() -> None:
    found = indirect()
    assert found.find(0) == (None, 12) and found.find(12) == (None, EACH)
    assert found.find(12 + EACH + 1) == (None, EACH**2 - 1)


def test_few_tables_are_kept() -> None:
    found = indirect(*[0] * 13, 1, blocks=(table(), table(*range(2, 2 + EACH)), *[table(5)] * EACH))
    for number in range(EACH):
        assert found.find(12 + EACH + number * EACH) == (5, 1)
        assert len(found._tables) <= 8
    found._disk = EMPTY
    assert found.find(12 + EACH + (EACH - 1) * EACH) == (5, 1)
