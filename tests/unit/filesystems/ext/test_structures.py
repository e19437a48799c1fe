"""Structures of ext that mke2fs does not make, or not in a test: each from bytes made by hand, at its boundary."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest

from imgtools.errors import OddGuest
from imgtools.filesystems.ext import reader
from imgtools.filesystems.ext.inode import (
    EXTENT_MAGIC,
    FLAG_EA_INODE,
    FLAG_ENCRYPT,
    FLAG_EXTENTS,
    FLAG_INLINE,
    INODE,
)
from imgtools.filesystems.ext.reader import (
    BITS64,
    EA_INODE,
    ERRORS_SEEN,
    EXTENTS,
    HAS_JOURNAL,
    KNOWN,
    LARGEDIR,
    META_BG,
    SPARSE_SUPER,
    SPARSE_SUPER2,
    ExtReader,
    Superblock,
    mount_ext,
    parse_superblock,
)
from imgtools.filesystems.inodes import InodeFilesystem
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind
from imgtools.records.usage import Usage
from tests.support.volumes import bytes_volume

TABLE = 4  # the block of the inode table
DATA = 8  # the first block of files

PLAIN = Superblock(
    blocks=64, reserved=0, inodes=16, first_block=0, block_size=4096, cluster_blocks=1, blocks_per_group=64,
    inodes_per_group=16, inode_size=256, descriptor_size=32, state=1, compatible=0, incompatible=0,
    ro_compatible=SPARSE_SUPER, reserved_gdt=0, journal_inode=0, first_meta_bg=0, overhead_clusters=0,
    backup_groups=(0, 0),
)  # fmt: skip


# -- the superblock ---------------------------------------------------------------------------------------

WORDS = {
    "inodes": 0, "blocks": 4, "reserved": 8, "first_block": 20, "log_block": 24, "log_cluster": 28, "per_group": 32,
    "inodes_per_group": 40, "revision": 76, "compatible": 92, "incompatible": 96, "ro_compatible": 100,
    "journal": 224, "meta_bg": 260, "blocks_high": 336, "reserved_high": 340, "overhead": 584, "backup1": 588,
    "backup2": 592,
}  # fmt: skip
HALVES = {"magic": 56, "state": 58, "inode_size": 88, "gdt": 206, "descriptor_size": 254}


def superblock(**fields: int) -> bytes:
    """A superblock as mke2fs -b 4096 makes it, with some fields changed."""
    raw = bytearray(1024)
    usual = {
        "inodes": 16, "blocks": 64, "log_block": 2, "log_cluster": 2, "per_group": 64, "inodes_per_group": 16,
        "revision": 1, "magic": 0xEF53, "state": 1, "inode_size": 256, "descriptor_size": 64,
    }  # fmt: skip
    for name, value in (usual | fields).items():
        struct.pack_into("<I" if name in WORDS else "<H", raw, (WORDS | HALVES)[name], value)
    return bytes(raw)


def read(**fields: int) -> Superblock:
    found = parse_superblock(superblock(**fields))
    assert isinstance(found, Superblock), found
    return found


def test_every_field_of_the_superblock() -> None:
    found = read(
        inodes=15, blocks=60, reserved=3, first_block=1, state=5, compatible=6, incompatible=7, ro_compatible=8,
        gdt=9, journal=10, meta_bg=11, overhead=12, backup1=13, backup2=14,
    )  # fmt: skip
    assert found == Superblock(60, 3, 15, 1, 4096, 1, 64, 16, 256, 32, 5, 6, 7, 8, 9, 10, 11, 12, (13, 14))
    wide = read(incompatible=BITS64, blocks_high=0, reserved_high=2, reserved=1)
    assert (wide.reserved, wide.descriptor_size) == (2 << 32 | 1, 64)
    assert read(reserved_high=2).reserved == 0
    huge = read(incompatible=BITS64, blocks_high=1, per_group=32768, inodes_per_group=32768, inodes=1)
    assert huge.blocks == (1 << 32) + 64
    old = read(revision=0, inode_size=1, compatible=1, incompatible=1, ro_compatible=1)
    assert (old.inode_size, old.compatible, old.incompatible, old.ro_compatible) == (128, 0, 0, 0)


@pytest.mark.parametrize(("log", "size"), [(0, 1024), (6, 65536)])
def test_block_sizes(log: int, size: int) -> None:
    assert read(log_block=log, log_cluster=log).block_size == size


@pytest.mark.parametrize(
    ("fields", "cluster"),
    [
        ({"log_cluster": 2}, 1),
        ({"log_cluster": 6}, 1),
        ({"log_cluster": 6, "ro_compatible": 0x200}, 16),
        ({"log_cluster": 99, "ro_compatible": 0x200}, 1 << 30),
    ],
)
def test_clusters_are_blocks_without_bigalloc(fields: dict[str, int], cluster: int) -> None:
    assert read(**fields).cluster_blocks == cluster


@pytest.mark.parametrize("fields", [{"log_block": 7, "log_cluster": 7}, {"log_block": 3, "log_cluster": 2}])
def test_impossible_block_sizes(fields: dict[str, int]) -> None:
    assert parse_superblock(superblock(**fields)) == f"impossible block size 2^{10 + fields['log_block']}"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"inode_size": 128}, {"inode_size": 127}),
        ({"inode_size": 4096}, {"inode_size": 4097}),
        ({"incompatible": BITS64, "descriptor_size": 32}, {"incompatible": BITS64, "descriptor_size": 31}),
        (
            {"incompatible": BITS64, "descriptor_size": 4096},
            {"incompatible": BITS64, "descriptor_size": 4097},
        ),
        ({"per_group": 1, "inodes": 1}, {"per_group": 0, "inodes": 1}),
        ({"per_group": 32768}, {"per_group": 32769}),
        (
            {"per_group": 65536, "log_cluster": 3, "ro_compatible": 0x200},
            {"per_group": 65536, "log_cluster": 3},
        ),
        ({"inodes_per_group": 32768}, {"inodes_per_group": 32769}),
        ({"inodes_per_group": 1, "inodes": 1}, {"inodes_per_group": 0, "inodes": 0}),
        ({"first_block": 63}, {"first_block": 64}),
        ({"inodes": 16}, {"inodes": 17}),
        ({"blocks": 65, "inodes": 32}, {"blocks": 64, "inodes": 32}),
    ],
)
def test_what_contradicts_itself(good: dict[str, int], bad: dict[str, int]) -> None:
    assert isinstance(parse_superblock(superblock(**good)), Superblock)
    assert parse_superblock(superblock(**bad)) == "its superblock contradicts itself"


def test_what_is_no_superblock() -> None:
    assert parse_superblock(superblock(magic=0xEF52)) == "no ext superblock"
    assert parse_superblock(superblock()[:1023]) == "no ext superblock"


@pytest.mark.parametrize(
    ("blocks", "first", "groups"), [(64, 0, 1), (65, 0, 2), (65, 1, 1), (128, 0, 2), (129, 0, 3)]
)
def test_groups(blocks: int, first: int, groups: int) -> None:
    assert PLAIN._replace(blocks=blocks, first_block=first).groups == groups


@pytest.mark.parametrize(
    ("facts", "supers"),
    [
        ({}, {0, 1, 3, 5, 7, 9, 25, 27, 49}),
        ({"ro_compatible": 0}, set(range(50))),
        ({"compatible": SPARSE_SUPER2, "backup_groups": (2, 30)}, {0, 2, 30}),
        ({"compatible": SPARSE_SUPER2, "backup_groups": (1, 0)}, {0, 1}),
    ],
)
def test_groups_with_a_copy_of_the_superblock(facts: dict[str, int], supers: set[int]) -> None:
    known = PLAIN._replace(**facts)  # type: ignore[arg-type]
    assert {group for group in range(50) if known.has_super(group)} == supers


# -- mounting ---------------------------------------------------------------------------------------------


def mounted(size: int = 64 * 4096, **fields: int) -> InodeFilesystem | Declined:
    # No descriptor says where the inodes are: the table begins with the volume, and the root is its second.
    raw = bytes(256) + inode(0o040755).ljust(768, b"\0") + superblock(**fields)
    return mount_ext(bytes_volume(raw.ljust(size, b"\0")[:size]))


def test_a_volume_has_to_be_as_long_as_its_filesystem() -> None:
    assert isinstance(mounted(64 * 4096), InodeFilesystem)
    short = Declined("/dev/sda1", "the filesystem has 262144 bytes and its volume 262143")
    assert mounted(64 * 4096 - 1) == short


@pytest.mark.parametrize(("state", "fine"), [(0, True), (1, True), (2, False), (3, False), (4, True)])
def test_errors_are_a_bit_of_the_state(state: int, fine: bool) -> None:
    assert ERRORS_SEEN == 2
    assert isinstance(mounted(state=state), InodeFilesystem) is fine


@pytest.mark.parametrize("bit", range(32))
def test_every_feature_that_is_not_known_is_declined(bit: int) -> None:
    known = bool(KNOWN & 1 << bit)
    found = mounted(incompatible=1 << bit)
    assert isinstance(found, InodeFilesystem) is known
    if isinstance(found, Declined):
        reason = reader.DECLINED.get(1 << bit, f"unknown feature {1 << bit:#x}")
        assert found == Declined("/dev/sda1", f"ext: {reason}")


# -- a filesystem made by hand ----------------------------------------------------------------------------


def inode(mode: int = 0o100644, size: int = 0, *, flags: int = 0, block: bytes = b"", sectors: int = 0, acl: int = 0,
          tail: bytes = b"") -> bytes:  # fmt: skip
    raw = INODE.pack(
        mode,
        0,
        size,
        0,
        0,
        0,
        0,
        0,
        1,
        sectors,
        flags,
        0,
        block.ljust(60, b"\0"),
        0,
        acl,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    )
    return (raw + struct.pack("<H", 32)).ljust(160, b"\0") + tail


def opened(known: Superblock, inodes: Mapping[int, bytes], blocks: Mapping[int, bytes]) -> ExtReader:
    """A filesystem with these inodes, and these blocks; its descriptors and tables are where they belong."""
    size = known.block_size
    raw = bytearray(known.blocks * size)
    descriptors = 1024 // size + 1
    raw[descriptors * size : descriptors * size + 32] = struct.pack("<III", 0, 0, TABLE).ljust(32, b"\0")
    for number, content in inodes.items():
        at = TABLE * size + (number - 1) * known.inode_size
        raw[at : at + len(content)] = content
    for number, content in blocks.items():
        raw[number * size : number * size + len(content)] = content
    return ExtReader(bytes_volume(bytes(raw)), known)


def entry(number: int, length: int, name: bytes) -> bytes:
    return struct.pack("<IHBB", number, length, len(name), 1) + name.ljust((length or 65536) - 8, b"\0")


def listed(*entries: bytes, size: int = 4096, known: Superblock = PLAIN) -> Mapping[str, int]:
    content = b"".join(entries)
    folder = inode(0o040755, size, block=struct.pack("<I", DATA))
    return opened(known, {2: folder}, {DATA: content}).names(2)


DOTS = entry(2, 12, b".") + entry(2, 12, b"..")


def test_a_deleted_entry_is_not_shown() -> None:
    """Its inode is 0; its name is still there."""
    assert listed(DOTS, entry(0, 16, b"gone"), entry(5, 4096 - 40, b"here")) == {"here": 5}
    assert listed(entry(0, 4096, b"")) == listed(DOTS, entry(5, 4072, b"")) == {}


@pytest.mark.parametrize("length", [7, 13, 14, 15, 4096 - 24 + 4, 9])
def test_an_entry_whose_length_cannot_be_is_damage(length: int) -> None:
    with pytest.raises(OddGuest, match="directory inode 2 has a bad entry"):
        listed(DOTS, struct.pack("<IHBB", 5, length, 2, 1) + b"ab")


@pytest.mark.parametrize(("name", "fits"), [(b"abcd", True), (b"abcde", False)])
def test_a_name_fits_into_its_entry(name: bytes, fits: bool) -> None:
    entries = DOTS, struct.pack("<IHBB", 5, 12, len(name), 1) + name[:4], entry(0, 4096 - 36, b"")
    if fits:
        assert listed(*entries) == {"abcd": 5}
    else:
        with pytest.raises(OddGuest, match="bad entry"):
            listed(*entries)


def test_the_smallest_entry() -> None:
    assert listed(DOTS, entry(5, 8, b""), entry(6, 4096 - 32, b"x")) == {"x": 6}
    with pytest.raises(OddGuest, match="bad entry"):
        listed(struct.pack("<IHBB", 5, 0, 1, 1) + b"x")


@pytest.mark.parametrize(
    ("content", "size", "words"),
    [
        (b"", 4096, "directory inode 2 has a bad entry"),  # a block of zeros is no list
        (DOTS + entry(5, 4072, b"x"), 8192, "directory inode 2 has a hole at byte 4096"),
        (DOTS + entry(9, 4096 - 24 - 4, b"x") + b"left", 4096, "4 bytes behind its last entry"),
        (DOTS + entry(5, 4072, b"x"), 4095, "4095 bytes, not whole blocks"),
        (b"", 0, "0 bytes, not whole blocks"),
    ],
)
def test_what_is_missing_in_a_directory_is_damage_not_a_shorter_list(
    content: bytes, size: int, words: str
) -> None:
    with pytest.raises(OddGuest, match=words):
        listed(content, size=size)


def extents(*entries: tuple[int, int, int]) -> bytes:
    """The root of an extent tree: first block of the file, number of blocks, block of the volume."""
    head = struct.pack("<HHHHI", EXTENT_MAGIC, len(entries), 4, 0, 0)
    return head + b"".join(struct.pack("<IHHI", first, count, 0, at) for first, count, at in entries)


def test_a_directory_in_an_unwritten_extent_is_listed_as_linux_does() -> None:
    folder = inode(0o040755, 4096, flags=FLAG_EXTENTS, block=extents((0, 32768 + 1, DATA)))
    found = opened(PLAIN, {2: folder}, {DATA: DOTS + entry(5, 4072, b"x")})
    assert found.names(2) == {"x": 5}


def test_a_file_in_an_unwritten_extent_is_zeros() -> None:
    file = inode(0o100644, 5, flags=FLAG_EXTENTS, block=extents((0, 32768 + 1, DATA)))
    with opened(PLAIN, {12: file}, {DATA: b"never"}).content(12) as stream:
        assert stream.read() == bytes(5)


@pytest.mark.parametrize("entries", [((0, 0, DATA),), ((0, 2, DATA), (1, 1, 9)), ((1, 1, DATA), (0, 1, 9))])
def test_extents_that_cannot_be_are_damage_not_zeros(entries: tuple[tuple[int, int, int], ...]) -> None:
    file = inode(0o100644, 8192, flags=FLAG_EXTENTS, block=extents(*entries))
    with (
        opened(PLAIN, {12: file}, {}).content(12) as stream,
        pytest.raises(OddGuest, match="extents that overlap, or an empty one"),
    ):
        stream.read()


def test_a_file_in_its_inode_that_is_shorter_than_it_says_is_damage() -> None:
    file = inode(0o100644, 61, flags=FLAG_INLINE)
    with pytest.raises(OddGuest, match="61 bytes and room for less"):
        opened(PLAIN, {12: file}, {}).content(12)


@pytest.mark.parametrize("name", [b"a/b", b"a\0b"])
def test_a_name_that_cannot_be_is_damage(name: bytes) -> None:
    """It would lead to another file: Linux refuses to list it."""
    content = DOTS + entry(5, 4072, name)
    folder = inode(0o040755, 4096, block=struct.pack("<I", DATA))
    found = InodeFilesystem(opened(PLAIN, {2: folder}, {DATA: content}))
    with pytest.raises(OddGuest, match="holds a name that cannot be"):
        found.scan("/")


@pytest.mark.parametrize(
    ("root", "words"),
    [
        (
            bytes(128),
            "its root directory cannot be read: /dev/sda1: damaged ext filesystem: inode 2 has mode 0",
        ),
        (inode(0o100644), "damaged: its root is a file, not a directory"),
    ],
)
def test_a_root_that_is_no_directory_is_not_mounted(root: bytes, words: str) -> None:
    raw = bytes(256) + root.ljust(768, b"\0") + superblock()
    found = mount_ext(bytes_volume(raw.ljust(64 * 4096, b"\0")))
    assert isinstance(found, Declined) and found.damaged
    assert found.reason.startswith(words)


def test_a_removed_file_that_a_name_leads_to_is_damage() -> None:
    raw = bytearray(inode())
    struct.pack_into("<H", raw, 26, 0)  # i_links_count
    with pytest.raises(OddGuest, match="inode 12 was removed"):
        opened(PLAIN, {12: bytes(raw)}, {}).stat(12)


@pytest.mark.parametrize("length", [0, 65535])
def test_an_entry_of_a_whole_block_of_64_kib(length: int) -> None:
    """65536 does not fit into the field (ext4_rec_len_from_disk)."""
    known = PLAIN._replace(block_size=65536, blocks=16)
    content = struct.pack("<IHBB", 5, length, 1, 1) + b"x"
    assert listed(content, size=65536, known=known) == {"x": 5}
    with pytest.raises(OddGuest, match="bad entry"):
        listed(struct.pack("<IHBB", 5, 65535, 1, 1) + b"x", size=4096)


def test_a_directory_has_a_largest_size() -> None:
    folder = inode(0o040755, reader.DIRECTORY_LIMIT + 1)
    with pytest.raises(
        OddGuest, match=r"directory inode 2 has 536870913 bytes, more than the 536870912 that"
    ):
        opened(PLAIN, {2: folder}, {}).names(2)


@pytest.mark.parametrize("length", [0, 1, 59, 60, 61, 4096])
@pytest.mark.parametrize("acl", [0, 9])
def test_a_link_of_up_to_59_bytes_is_in_its_inode(length: int, acl: int) -> None:
    target = b"t" * length
    fast = length < 60
    found = inode(
        0o120777, length, block=target if fast else struct.pack("<I", DATA), acl=acl,
        sectors=8 * (bool(acl) + (not fast)),
    )  # fmt: skip
    assert opened(PLAIN, {5: found}, {DATA: target}).link(5) == "t" * length


@pytest.mark.parametrize("incompatible", [0, EA_INODE])
def test_a_short_link_with_a_block_of_its_own(incompatible: int) -> None:
    """Old kernels made them; newer filesystems (ea_inode) have none, and count other blocks there."""
    known = PLAIN._replace(incompatible=incompatible)
    found = inode(0o120777, 4, block=struct.pack("<I", DATA), sectors=8)
    link = opened(known, {5: found}, {DATA: b"long"}).link(5)
    assert link == ("\x08" if incompatible else "long")


def test_with_ea_inode_only_the_length_tells_where_a_link_is() -> None:
    known = PLAIN._replace(incompatible=EA_INODE)
    for length in (59, 60):
        target = b"t" * length
        found = inode(0o120777, length, block=target if length < 60 else struct.pack("<I", DATA), sectors=8)
        assert opened(known, {5: found}, {DATA: target}).link(5) == "t" * length


def test_a_short_link_in_an_extent() -> None:
    tree = struct.pack("<HHHHI", EXTENT_MAGIC, 1, 4, 0, 0) + struct.pack("<IHHI", 0, 1, 0, DATA)
    found = inode(0o120777, 4, block=tree, flags=FLAG_EXTENTS)
    assert opened(PLAIN._replace(incompatible=EXTENTS), {5: found}, {DATA: b"long"}).link(5) == "long"
    big = PLAIN._replace(cluster_blocks=16)
    found = inode(0o120777, 4, block=b"fast", sectors=128, acl=9)
    assert opened(big, {5: found}, {}).link(5) == "fast"


def test_a_link_is_no_longer_than_a_block_and_ends_at_a_nul() -> None:
    with pytest.raises(OddGuest, match="the link of inode 5 has 4097 bytes"):
        opened(PLAIN, {5: inode(0o120777, 4097)}, {}).link(5)
    assert opened(PLAIN, {5: inode(0o120777, 9, block=b"ab\0\xffcd")}, {}).link(5) == "ab"
    assert opened(PLAIN, {5: inode(0o120777, 3, block=b"a\xffb")}, {}).link(5) == "a\udcffb"


# -- inodes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 17, -1])
def test_an_inode_that_is_not_there_is_damage(number: int) -> None:
    made = opened(PLAIN, {1: inode(), 16: inode()}, {})
    assert made.stat(1).inode == 1 and made.stat(16).inode == 16
    with pytest.raises(OddGuest, match=f"inode {number} of 16"):
        made.stat(number)


def test_inodes_of_the_second_group_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "KEPT_INODES", 2)
    known = PLAIN._replace(blocks=128, inodes=32)
    first = {number: inode(size=number) for number in range(1, 17)}
    made = opened(known, first, {70: inode(size=7).ljust(256, b"\0") + inode(size=8)})
    disk = bytearray(made._disk.read_exactly(0, 128 * 4096))
    disk[4096 + 32 + 8 : 4096 + 32 + 12] = struct.pack("<I", 70)
    made = ExtReader(bytes_volume(bytes(disk)), known)
    assert [made.stat(number).size for number in (1, 16, 17, 18, 1)] == [1, 16, 7, 8, 1]
    assert len(made._inodes) <= 2


def test_a_table_above_32_bits_is_asked_for_in_wide_descriptors() -> None:
    known = PLAIN._replace(descriptor_size=64, incompatible=BITS64)
    raw = bytearray(64 * 4096)
    raw[4096 : 4096 + 64] = struct.pack("<III", 0, 0, 5).ljust(40, b"\0") + struct.pack("<I", 3) + bytes(20)
    assert ExtReader(bytes_volume(bytes(raw)), known)._inode_table(0) == 3 << 32 | 5
    assert ExtReader(bytes_volume(bytes(raw)), PLAIN)._inode_table(0) == 5


@pytest.mark.parametrize(
    ("facts", "places"),
    [
        ({}, {0: 4096, 1: 4128, 127: 8160, 128: 8192}),
        ({"block_size": 1024}, {0: 2048, 31: 3040, 32: 3072}),
        ({"descriptor_size": 64}, {63: 8128, 64: 8192}),
        (
            {"incompatible": META_BG, "first_meta_bg": 1},
            {0: 4096, 127: 8160, 128: 128 * 64 * 4096, 129: 128 * 64 * 4096 + 32},
        ),
        ({"incompatible": META_BG}, {0: 4096, 128: 128 * 64 * 4096}),
        ({"incompatible": META_BG, "ro_compatible": 0}, {0: 4096, 128: (128 * 64 + 1) * 4096}),
        (
            {"incompatible": META_BG, "block_size": 1024, "first_block": 1, "ro_compatible": 0},
            {0: 2048, 32: (32 * 64 + 2) * 1024},
        ),
        ({"incompatible": META_BG, "block_size": 1024}, {0: 2048, 32: 32 * 64 * 1024}),
    ],
)  # fmt: skip
def test_where_descriptors_are(facts: dict[str, int], places: dict[int, int]) -> None:
    """As ext4's descriptor_loc; in a meta group behind the copy of the superblock, if its first group has one."""
    made = ExtReader(bytes_volume(b""), PLAIN._replace(**facts))  # type: ignore[arg-type]
    assert {group: made._descriptor_place(group) for group in places} == places


def test_large_directories_are_a_feature() -> None:
    raw = bytearray(inode(0o040755, 5))
    struct.pack_into("<I", raw, 108, 1)
    for incompatible, size in ((0, 5), (LARGEDIR, 1 << 32 | 5)):
        made = opened(PLAIN._replace(incompatible=incompatible), {5: bytes(raw)}, {})
        assert made.stat(5).size == size


# -- contents ---------------------------------------------------------------------------------------------


def attribute(
    name: bytes, value: bytes, *, prefix: int = 1, number: int = 0, size: int | None = None
) -> bytes:
    """Attributes of one entry as they stand in an inode: magic, entry, the end of the list, the value."""
    padded = name.ljust(-(-len(name) // 4) * 4, b"\0")
    at = 16 + len(padded) + 4
    size = len(value) if size is None else size
    return (
        struct.pack("<IBBHIII", 0xEA020000, len(name), prefix, 0 if number else at, number, size, 0)
        + padded + bytes(4) + value
    )  # fmt: skip


@pytest.mark.parametrize("size", [0, 5, 60, 61, 70, 100])
def test_a_small_file_lives_in_its_inode(size: int) -> None:
    content = bytes(range(1, 101))[:size]
    tail = attribute(b"data", content[60:], prefix=7)
    found = inode(0o100644, size, block=content[:60], flags=FLAG_INLINE, tail=tail)
    made = opened(PLAIN, {5: found}, {})
    assert made.content(5).read() == content
    assert made.xattrs(5) == {}, "the rest of a file is no attribute to anybody else"


def test_a_small_link_and_a_small_directory_live_in_their_inodes() -> None:
    tail = attribute(b"data", b"rest", prefix=7)
    link = inode(0o120777, 64, block=b"t" * 60, flags=FLAG_INLINE, tail=tail)
    assert opened(PLAIN, {5: link}, {}).link(5) == "t" * 60 + "rest"
    first = struct.pack("<I", 2) + entry(7, 16, b"in") + entry(8, 40, b"more")
    second = attribute(b"data", entry(9, 16, b"behind"), prefix=7)
    folder = inode(0o040755, 60 + 16, block=first, flags=FLAG_INLINE, tail=second)
    assert opened(PLAIN, {5: folder}, {}).names(5) == {"in": 7, "more": 8, "behind": 9}


def test_an_encrypted_file_is_damage_where_nothing_is_encrypted() -> None:
    made = opened(PLAIN, {5: inode(flags=FLAG_ENCRYPT, size=1)}, {})
    with pytest.raises(OddGuest, match="inode 5 is encrypted on a filesystem without encryption"):
        made.content(5)


# -- attributes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "mode", "fine"),
    [(FLAG_EA_INODE, 0o100600, True), (0, 0o100600, False), (FLAG_EA_INODE, 0o040700, False)],
)
def test_a_large_attribute_has_an_inode_of_its_own(flags: int, mode: int, fine: bool) -> None:
    value = b"v" * 5000
    made = opened(
        PLAIN._replace(incompatible=EA_INODE),
        {
            5: inode(tail=attribute(b"large", b"", number=6, size=4999)),
            6: inode(mode, 5000, flags=flags, block=struct.pack("<II", DATA, DATA + 1)),
        },
        {DATA: value},
    )
    if fine:
        assert made.xattrs(5) == {"user.large": value[:4999]}
    else:
        with pytest.raises(OddGuest, match="inode 6 is no attribute"):
            made.xattrs(5)


def test_attributes_of_the_inode_and_of_its_block() -> None:
    block = (
        struct.pack("<I", 0xEA020000).ljust(32, b"\0")
        + struct.pack("<BBHIII", 3, 6, 4000, 0, 4, 0)
        + b"abc\0"
    )
    found = inode(acl=9, tail=attribute(b"in", b"1"))
    made = opened(PLAIN, {5: found}, {9: block.ljust(4000, b"\0") + b"abcd"})
    assert made.xattrs(5) == {"user.in": b"1", "security.abc": b"abcd"}
    odd = opened(PLAIN, {5: found}, {9: b"odd"})
    with pytest.raises(OddGuest, match="attributes of inode 5: no magic number"):
        odd.xattrs(5)


# -- usage ------------------------------------------------------------------------------------------------


def usage(clusters: int = 0, inodes: int = 0, **facts: int) -> Usage:
    """What is said of a filesystem whose first group has so much free."""
    known = PLAIN._replace(overhead_clusters=1, **facts)  # type: ignore[arg-type]
    size = known.descriptor_size
    raw = bytearray((known.groups + 200) * 4096)
    half = struct.pack("<HH", clusters & 0xFFFF, inodes & 0xFFFF)
    raw[4096 + 12 : 4096 + 16] = half
    if size >= 64:
        raw[4096 + 44 : 4096 + 48] = struct.pack("<HH", clusters >> 16, inodes >> 16)
    return ExtReader(bytes_volume(bytes(raw)), known).usage()


def test_free_blocks_and_inodes_of_a_group() -> None:
    assert usage(20, 7) == Usage(63 * 4096, 20 * 4096, 20 * 4096, 16, 7)
    assert usage(20, reserved=5).available == 15 * 4096
    assert usage(20, reserved=21).available == 0
    wide = usage(1 << 16 | 1, 1 << 16 | 2, descriptor_size=64, incompatible=BITS64)
    assert (wide.free, wide.inodes_free) == ((1 << 16 | 1) * 4096, 1 << 16 | 2)
    clusters = usage(3, cluster_blocks=4)
    assert (clusters.size, clusters.free) == (60 * 4096, 12 * 4096)


@pytest.mark.parametrize(
    ("blocks", "facts", "kept"),
    [
        (49, {"incompatible": EXTENTS}, 0),
        (50, {"incompatible": EXTENTS}, 1),
        (4096 * 50 - 1, {"incompatible": EXTENTS}, 4095),
        (4096 * 50, {"incompatible": EXTENTS}, 4096),
        (4097 * 50, {"incompatible": EXTENTS}, 4096),
        (4097 * 50, {}, 0),
        (4097 * 50 * 16, {"incompatible": EXTENTS, "cluster_blocks": 16}, 4096 * 16),
        (50 * 16, {"incompatible": EXTENTS, "cluster_blocks": 16}, 16),
    ],
)
def test_what_ext4_keeps_for_growing_trees(blocks: int, facts: dict[str, int], kept: int) -> None:
    """2 %, at most 4,096 clusters (ext4_set_resv_clusters); df does not count it as available."""
    known = PLAIN._replace(blocks=blocks, **facts)  # type: ignore[arg-type]
    assert ExtReader(bytes_volume(b""), known)._kept_for_metadata() == kept


def overhead(**facts: int) -> int:
    made = opened(PLAIN._replace(**facts), {8: inode(size=10 * 4096)}, {})  # type: ignore[arg-type]
    return made._overhead()


def test_overhead_is_as_stored_if_that_can_be() -> None:
    """One group: its table takes one block, its bitmaps two, the superblock one, the descriptors one."""
    assert overhead() == overhead(overhead_clusters=65) == 5
    assert overhead(overhead_clusters=64) == 64 and overhead(overhead_clusters=1) == 1
    assert overhead(overhead_clusters=2, cluster_blocks=16) == 32


@pytest.mark.parametrize(
    ("facts", "counted"),
    [
        ({"blocks": 128}, 2 * (1 + 2) + 2 * 2),
        ({"blocks": 192}, 3 * (1 + 2) + 2 * 2),
        ({"blocks": 192, "ro_compatible": 0}, 3 * (1 + 2) + 3 * 2),
        ({"reserved_gdt": 7}, 3 + 1 + 1 + 7),
        ({"first_block": 1, "blocks": 65}, 1 + 5),
        ({"inodes_per_group": 17}, 2 + 2 + 2),
        ({"compatible": HAS_JOURNAL, "journal_inode": 8}, 5 + 10),
        ({"journal_inode": 8}, 5),
        ({"compatible": HAS_JOURNAL}, 5),
        ({"blocks": 129 * 64}, 129 * 3 + (1 + 2) * len({0, 1, 3, 9, 27, 81, 5, 25, 125, 7, 49})),
        ({"incompatible": META_BG}, 3 + 1 + 1),
        ({"incompatible": META_BG, "first_meta_bg": 1}, 3 + 1 + 1),
        ({"incompatible": META_BG, "blocks": 129 * 64, "first_meta_bg": 1}, 129 * 3 + 2 * 11 + 1),
        ({"incompatible": META_BG, "blocks": 130 * 64}, 130 * 3 + 11 + 3 + 2),
        ({"incompatible": META_BG, "blocks": 256 * 64}, 256 * 3 + 12 + 3 + 3),
    ],
)
def test_overhead_that_is_not_stored_is_counted(facts: dict[str, int], counted: int) -> None:
    assert overhead(**facts) == counted


def test_kinds() -> None:
    made = opened(PLAIN, {5: inode(0o060600), 6: inode(0)}, {})
    assert made.stat(5).kind is FileKind.BLOCK and not made.ignores_case and made.root == 2
