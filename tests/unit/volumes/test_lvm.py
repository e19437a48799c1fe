"""LVM as its own text describes it: the newest text counts, UUIDs say which disk, and damage is told."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgtools.records.disks import Declined
from imgtools.volumes.lvm import Groups, MappedVolume, Member, assemble, crc, read_member
from imgtools.volumes.lvm_text import BadText, Section, parse_text
from imgtools.volumes.volume_file import DiskFile
from tests.support.lvm import (
    AREA,
    AREA_SIZE,
    EXTENT,
    PV_SIZE,
    group_text,
    make_pv,
    segment,
    uuid,
    volume_text,
)
from tests.support.volumes import bytes_volume

MIB = 1 << 20
ROOT = volume_text("root", "r", [segment(0, 4, ("pv0", 2))])


def member(raw: bytes | bytearray, device: str = "/dev/sda1") -> Member:
    found = read_member(bytes_volume(bytes(raw), device), device)
    assert found is not None
    return found


def groups(*raw: bytes | bytearray) -> Groups:
    return assemble([member(one, f"/dev/sd{chr(97 + index)}1") for index, one in enumerate(raw)])


def named(found: Groups, name: str) -> MappedVolume:
    return next(one for one in found.volumes if one.volume.name == name)


def why(found: Groups, name: str) -> str:
    declined = named(found, name).content
    assert isinstance(declined, Declined)
    assert declined in found.unread
    return declined.reason


def content(found: Groups, name: str) -> bytes:
    file = named(found, name).content
    assert isinstance(file, DiskFile), file
    return file.read_at(0, file.size)


def marked(raw: bytearray, *extents: int) -> bytearray:
    """Write into extents of a physical volume which ones they are."""
    for extent in extents:
        place = MIB + extent * EXTENT
        raw[place : place + 4] = bytes([raw[512 + 32]]) + extent.to_bytes(3, "big")
    return raw


def test_the_checksum_is_lvms() -> None:
    """calc_crc of lib/misc/crc.c, step by step."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        table.append(value)
    total = 0xF597A6CF
    for byte in b"some text":
        total = table[(total ^ byte) & 0xFF] ^ total >> 8
    assert crc(b"some text") == total


def test_a_group_of_one_disk() -> None:
    found = groups(marked(make_pv("A", group_text(["A"], [ROOT])), 2, 5))
    assert [(pv.device, pv.uuid, pv.size, pv.vg) for pv in found.pvs] == [
        ("/dev/sda1", uuid("A"), 14 * MIB, "vg")
    ]
    assert [(vg.name, vg.uuid, vg.size, vg.free, vg.extent_size) for vg in found.vgs] == [
        ("vg", uuid("g"), 14 * MIB, 10 * MIB, MIB)
    ]
    root = named(found, "root")
    assert (root.volume.device, root.volume.uuid, root.volume.size) == ("/dev/vg/root", uuid("r"), 4 * MIB)
    assert (root.volume.kind, root.parents) == ("linear", ("/dev/sda1",))
    assert content(found, "root")[:4] == b"A\0\0\2"
    assert content(found, "root")[3 * MIB :][:4] == b"A\0\0\5"
    assert found.unread == ()


def test_segments_over_several_disks_go_by_uuid_not_by_order() -> None:
    text = group_text(
        ["A", "B"], [volume_text("data", "d", [segment(2, 3, ("pv0", 1)), segment(0, 2, ("pv1", 7))])]
    )
    found = groups(marked(make_pv("B", text), 7, 8), marked(make_pv("A", text), 1, 2, 3))
    raw = content(found, "data")
    assert [raw[extent * MIB :][:4] for extent in range(5)] == [
        b"B\0\0\7", b"B\0\0\x08", b"A\0\0\1", b"A\0\0\2", b"A\0\0\3"
    ]  # fmt: skip
    assert named(found, "data").parents == ("/dev/sda1", "/dev/sdb1")


def test_the_newest_text_counts() -> None:
    old, new = group_text(["A", "B"], [], seqno=4), group_text(["A", "B"], [ROOT], seqno=5)
    for one, two in ((old, new), (new, old)):
        assert [volume.volume.name for volume in groups(make_pv("A", one), make_pv("B", two)).volumes] == [
            "root"
        ]


@pytest.mark.parametrize("at", [512, AREA_SIZE - 100, AREA_SIZE - 1, AREA_SIZE // 2])
def test_the_area_is_a_ring(at: int) -> None:
    found = groups(make_pv("A", group_text(["A"], [ROOT]), at=at))
    assert [volume.volume.name for volume in found.volumes] == ["root"]


def test_a_disk_without_a_group() -> None:
    found = groups(make_pv("A", None))
    assert [(pv.size, pv.vg) for pv in found.pvs] == [(PV_SIZE, "")]
    assert (found.vgs, found.volumes, found.unread) == ((), (), ())


def test_a_copy_without_metadata_belongs_to_its_group() -> None:
    """Made with --pvmetadatacopies 0, or dropped from the group since its text was written."""
    text = group_text(["A", "B"], [volume_text("data", "d", [segment(0, 2, ("pv1", 0))])])
    found = groups(make_pv("A", text), marked(make_pv("B", None), 0))
    assert [pv.vg for pv in found.pvs] == ["vg", "vg"]
    assert content(found, "data")[:4] == b"B\0\0\0"


# -- what is not read -------------------------------------------------------------------------------------


def test_a_missing_disk_takes_only_its_own_volumes() -> None:
    data = volume_text("data", "d", [segment(0, 2, ("pv1", 0))])
    found = groups(make_pv("A", group_text(["A", "B"], [ROOT, data])))
    assert why(found, "data") == f"the physical volume {uuid('B')} of the volume group vg is missing"
    assert len(content(found, "root")) == 4 * MIB


def test_two_disks_with_one_uuid() -> None:
    raw = make_pv("A", group_text(["A"], [ROOT]))
    assert (
        why(groups(raw, raw), "root")
        == f"the physical volume {uuid('A')} of the volume group vg is there 2 times"
    )


@pytest.mark.parametrize(
    ("segments", "kind"),
    [
        ([segment(0, 2, ("pv0", 0)), segment(2, 2, kind="error")], "error"),
        ([segment(0, 4, kind="vdo")], "vdo"),
        ([segment(0, 4, kind="writecache")], "writecache"),
        ([segment(0, 4, kind="integrity+SOMETHING")], "integrity"),
        ([segment(0, 4, kind="raid7")], "raid7"),
    ],
)
def test_other_kinds_are_listed_and_not_read(segments: list[str], kind: str) -> None:
    found = groups(make_pv("A", group_text(["A"], [volume_text("odd", "o", segments), ROOT])))
    assert named(found, "odd").volume.kind == kind
    assert why(found, "odd") == f"a logical volume of kind {kind}"
    assert len(content(found, "root")) == 4 * MIB


SNAPSHOT = """snapshot0 {{
    id = "{id}"
    status = ["READ", "WRITE", "VISIBLE"]
    segment1 {{
        start_extent = 0
        extent_count = 4
        type = "snapshot"
        chunk_size = 8
        origin = "root"
        {word} = "before"
    }}
}}"""


CHUNK = 4096
STORE = 9 * MIB  # where extent 8 of the physical volume is


def with_store(raw: bytearray, *kept: tuple[int, int], valid: int = 1, sectors: int = 8) -> bytearray:
    """Write a snapshot's store into extent 8: its header, and which chunks were kept where."""
    struct.pack_into("<4I", raw, STORE, 0x70416E53, valid, 1, sectors)
    for number, pair in enumerate(kept):
        struct.pack_into("<QQ", raw, STORE + CHUNK + 16 * number, *pair)
    for _, place in kept:
        raw[STORE + place * CHUNK : STORE + (place + 1) * CHUNK] = b"kept".ljust(CHUNK, b"!")
    return raw


def snapshot(word: str = "cow_store") -> str:
    before = volume_text("before", "b", [segment(0, 2, ("pv0", 8))], status='"READ", "WRITE"')
    return group_text(["A"], [ROOT, before, SNAPSHOT.format(id=uuid("s"), word=word)])


@pytest.mark.parametrize(("word", "origin"), [("cow_store", "linear"), ("merging_store", "snapshot-merge")])
def test_snapshots_and_their_origins(word: str, origin: str) -> None:
    """What is being rolled back already reads as the snapshot."""
    found = groups(with_store(marked(make_pv("A", snapshot(word)), 2, 3), (257, 2), (0, 3)))
    assert [(one.volume.name, one.volume.kind) for one in found.volumes] == [
        ("root", origin),
        ("before", "snapshot"),
    ]
    before = content(found, "before" if word == "cow_store" else "root")
    assert (before[:4], before[MIB : MIB + 4], before[MIB + CHUNK :][:4]) == (b"kept", b"A\0\0\3", b"kept")
    if word == "cow_store":
        assert content(found, "root")[:4] == b"A\0\0\2"


def test_a_snapshot_that_was_never_used_is_its_origin() -> None:
    assert content(groups(marked(make_pv("A", snapshot()), 2)), "before")[:4] == b"A\0\0\2"


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"valid": 0}, "it is no longer valid, because it had no room for what changed"),
        ({"sectors": 16}, "its chunks have 8192 bytes, and LVM says 4096"),
    ],
)
def test_a_store_that_is_no_longer_one(made: dict[str, int], reason: str) -> None:
    assert (
        why(groups(with_store(make_pv("A", snapshot()), **made)), "before")
        == f"the snapshot's store: {reason}"
    )


def test_a_store_that_names_a_chunk_beyond_it() -> None:
    reason = "the snapshot's store: it names its chunk 700, and has only 512"
    assert why(groups(with_store(make_pv("A", snapshot()), (0, 700))), "before") == reason


def test_a_volume_that_makes_no_sense_leaves_the_others() -> None:
    odd = volume_text("odd", "o", [segment(0, 4, ("pv0", 4), ("pv0", 6))])
    found = groups(make_pv("A", group_text(["A"], [odd, ROOT])))
    assert why(found, "odd") == "LVM metadata: no number 'stripe_size'"
    assert len(content(found, "root")) == 4 * MIB


def test_a_volume_that_lies_in_itself() -> None:
    odd = volume_text("odd", "o", [segment(0, 4, ("odd", 0))])
    found = groups(make_pv("A", group_text(["A"], [odd, ROOT])))
    assert why(found, "odd") == "LVM metadata: odd lies in itself, or too deep in others"


def test_hidden_volumes_are_not_listed() -> None:
    hidden = volume_text("root_rimage_0", "h", [segment(0, 2, ("pv0", 8))], status='"READ", "WRITE"')
    assert [one.volume.name for one in groups(make_pv("A", group_text(["A"], [ROOT, hidden]))).volumes] == [
        "root"
    ]


def test_an_exported_group() -> None:
    found = groups(make_pv("A", group_text(["A"], [ROOT], status='"RESIZEABLE", "EXPORTED"')))
    assert why(found, "root") == "the volume group vg is exported"


def test_a_segment_beyond_its_disk() -> None:
    found = groups(make_pv("A", group_text(["A"], [volume_text("root", "r", [segment(0, 4, ("pv0", 14))])])))
    assert why(found, "root") == "it reaches beyond the end of /dev/sda1"


def test_segments_with_a_gap() -> None:
    text = group_text(
        ["A"], [volume_text("root", "r", [segment(0, 2, ("pv0", 0)), segment(3, 2, ("pv0", 2))])]
    )
    assert (
        groups(make_pv("A", text)).unread[0].reason
        == "LVM metadata: the segments of root do not follow one another"
    )


# -- damage -----------------------------------------------------------------------------------------------


def test_a_damaged_text_is_not_believed() -> None:
    raw = make_pv("A", group_text(["A"], [ROOT]))
    place = raw.index(b"seqno = 3", AREA)
    raw[place + 8 : place + 9] = b"9"
    found = groups(raw)
    assert found.volumes == ()
    assert found.unread == (Declined("/dev/sda1", "LVM metadata: the text does not have its checksum"),)


def test_another_copy_serves_where_one_is_damaged() -> None:
    text = group_text(["A", "B"], [ROOT])
    bad = make_pv("A", text)
    bad[AREA + 600] ^= 1
    found = groups(bad, make_pv("B", text))
    assert [one.volume.name for one in found.volumes] == ["root"]


@pytest.mark.parametrize("place", [512, 512 + 20, 512 + 40])
def test_a_damaged_label_is_no_label(place: int) -> None:
    raw = make_pv("A", group_text(["A"], [ROOT]))
    raw[place] ^= 1
    assert read_member(bytes_volume(bytes(raw)), "/dev/sda1") is None


# -- the text ---------------------------------------------------------------------------------------------


def test_the_grammar() -> None:
    found = parse_text(
        'a = 1 # c\nb="x\\"y\\\\z" c=[ 1, "two", ] d = -5 e=1.5 s { t { u = [] } 7 = 8 } # end'
    )
    assert found.values == {"a": 1, "b": 'x"y\\z', "c": [1, "two"], "d": -5, "e": 1.5}
    assert found.sections["s"].sections["t"].values == {"u": []}
    assert found.sections["s"].values == {"7": 8}


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a =",
        "a = {",
        "a { ",
        "a = [1",
        '"a" = 1',
        "a = 1 }",
        'a = "',
        "= 1",
        "a{" * 100,
        "a = " + "9" * 500,
    ],
)
def test_what_is_not_in_the_grammar(text: str) -> None:
    with pytest.raises(BadText):
        parse_text(text)


@given(st.text() | st.text('abc{}[]="\\#,\n 12.-'))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_text(text), Section)
    except BadText:
        return


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3000), st.text('{}[]="\\#,0123456789', max_size=3)), max_size=4))
def test_a_group_of_a_changed_text_gets_an_answer(changes: list[tuple[int, str]]) -> None:
    """With a good checksum over it, as whoever wants to harm would make it."""
    data = volume_text("data", "d", [segment(0, 2, ("pv0", 8))])
    text = group_text(["A"], [ROOT, data])
    for place, word in changes:
        text = text[:place] + word + text[place + len(word) :]
    found = groups(make_pv("A", text))
    for one in found.volumes:
        if isinstance(one.content, DiskFile):
            assert sum(extent.length for extent in one.content.extents) == one.volume.size
            assert all(extent.offset + extent.length <= PV_SIZE for extent in one.content.extents)


@given(st.binary(max_size=4096))
def test_rubbish_for_a_physical_volume_gets_an_answer(raw: bytes) -> None:
    read_member(bytes_volume(raw), "/dev/sda1")
    whole = make_pv("A", group_text(["A"], [ROOT]), size=8 * MIB)
    whole[AREA : AREA + len(raw)] = raw
    member(whole)


def test_a_damaged_comment_is_refused_at_once() -> None:
    """Once each of its signs could begin a comment of its own, and the regular expression tried all ways."""
    with pytest.raises(BadText, match="unreadable"):
        parse_text("#" * 5000 + "\n\x8f")
    assert parse_text("# a\n#b\n\n x = 1 # c").values == {"x": 1}
