"""Partition tables read as sfdisk reads them; damage is told, and what only looks like a table is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgtools.records.disks import Disk
from imgtools.volumes.gpt import parse_flags
from imgtools.volumes.partitions import read_disk
from tests.support.volumes import blank, bytes_volume, patch, tool, volume

MIB = 1 << 20
SIZE = 64 * MIB
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"


def partitioned(path: Path, script: str, size: int = SIZE) -> Path:
    blank(path, size)
    tool("sfdisk", "-q", "--no-reread", "--no-tell-kernel", path, stdin=script)
    return path


def read(path: Path) -> Disk:
    return read_disk(volume(path, "/dev/sda"), "/dev/sda")


def sfdisk_facts(path: Path) -> list[tuple[object, ...]]:
    """Number, start, size, type, id and name of every partition, by sfdisk."""
    table = json.loads(tool("sfdisk", "--json", path))["partitiontable"]
    found = []
    for one in table.get("partitions", []):
        number = int(one["node"].removeprefix(str(path)))
        kind = one["type"] if table["label"] == "gpt" else f"{int(one['type'], 16):#04x}"
        found.append(
            (number, one["start"] * 512, one["size"] * 512, kind, one.get("uuid", ""), one.get("name", ""))
        )
    return sorted(found)


def our_facts(disk: Disk) -> list[tuple[object, ...]]:
    uuid = disk.table == "gpt"
    return sorted((p.number, p.start, p.size, p.type, p.id if uuid else "", p.name) for p in disk.partitions)


@st.composite
def layouts(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Places and lengths in MiB that do not overlap, in an order of their own."""
    found, at = [], 1
    for _ in range(draw(st.integers(0, 6))):
        at += draw(st.integers(0, 3))
        length = draw(st.integers(1, 8))
        if at + length < 62:
            found.append((at, length))
        at += length + 1
    return draw(st.permutations(found))


@pytest.mark.host
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    layouts(),
    st.text(
        st.characters(min_codepoint=32, exclude_characters='",\\', exclude_categories=["Cs", "Cc"]),
        max_size=30,
    ),
)
def test_gpt_as_sfdisk_reads_it(tmp_path: Path, layout: list[tuple[int, int]], name: str) -> None:
    name = name.encode("utf-16-le")[:70].decode("utf-16-le", "ignore").strip()
    lines = [f'start={start}MiB, size={size}MiB, type={LINUX}, name="{name}"' for start, size in layout]
    path = partitioned(tmp_path / "gpt.img", "label: gpt\n" + "\n".join(lines))
    found = read(path)
    assert (found.table, found.problems, found.sector_size) == ("gpt", (), 512)
    assert our_facts(found) == sfdisk_facts(path)


@pytest.mark.host
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layouts())
def test_mbr_as_sfdisk_reads_it(tmp_path: Path, layout: list[tuple[int, int]]) -> None:
    """Up to three primary partitions, the rest logical ones."""
    in_order = sorted(layout)
    primary, logical = in_order[:3], in_order[3:]
    lines = [f"start={start}MiB, size={size}MiB, type=83" for start, size in primary]
    if logical:
        begin = logical[0][0]
        lines.append(f"start={begin * 2048 - 1000}, size={(63 - begin) * 2048}, type=f")
        lines += [f"start={start}MiB, size={size}MiB, type=82" for start, size in logical]
    path = partitioned(tmp_path / "mbr.img", "label: dos\nlabel-id: 0xd0d00001\n" + "\n".join(lines))
    found = read(path)
    assert found.problems == ()
    if layout:
        assert (found.table, found.table_id) == ("dos", "d0d00001")
    assert our_facts(found) == sfdisk_facts(path)


@pytest.mark.host
def test_everything_of_an_mbr(tmp_path: Path) -> None:
    path = partitioned(
        tmp_path / "a.img",
        "label: dos\nlabel-id: 0x1234abcd\n1MiB 10MiB 83 *\n11MiB 20MiB 5\n12MiB 5MiB 8e\n18MiB 5MiB c\n",
    )
    found = read(path).partitions
    assert [(p.device, p.kind, p.type, p.id, p.flags) for p in found] == [
        ("/dev/sda1", "primary", "0x83", "1234abcd-01", ("boot",)),
        ("/dev/sda2", "extended", "0x05", "1234abcd-02", ()),
        ("/dev/sda5", "logical", "0x8e", "1234abcd-05", ()),
        ("/dev/sda6", "logical", "0x0c", "1234abcd-06", ()),
    ]
    assert found[2].start == 12 * MIB


@pytest.mark.host
def test_everything_of_a_gpt(tmp_path: Path) -> None:
    identity = "D0D0D0D0-0001-4000-8000-000000000101"
    path = partitioned(
        tmp_path / "a.img",
        "label: gpt\nlabel-id: d0d0d0d0-0001-4000-8000-000000000001\n"
        f'14 : start=1MiB, size=4MiB, type={LINUX}, uuid={identity}, name="ünï", attrs="RequiredPartition GUID:60"\n',
    )
    found = read(path)
    assert found.table_id == "D0D0D0D0-0001-4000-8000-000000000001"
    (one,) = found.partitions
    assert (one.device, one.number, one.id, one.name) == ("/dev/sda14", 14, identity, "ünï")
    assert one.flags == ("required", "guid:60")


def test_flags_by_their_names() -> None:
    assert parse_flags(0b101 | 1 << 48) == ("required", "legacy-boot", "guid:48")


def test_a_disk_named_with_a_digit() -> None:
    raw = bytearray(512)
    raw[446:462] = bytes([0, 0, 0, 0, 0x83, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0])
    raw[510:] = b"\x55\xaa"
    found = read_disk(bytes_volume(bytes(raw) + bytes(10_000)), "/dev/nvme0n1")
    assert [p.device for p in found.partitions] == ["/dev/nvme0n1p1"]


# -- damage -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return partitioned(
        tmp_path_factory.mktemp("gpt") / "a.img", f"label: gpt\n1MiB 10MiB {LINUX}\n12MiB 20MiB {LINUX}\n"
    )


def damaged(gpt: Path, folder: Path, *changes: tuple[int, bytes], size: int = SIZE) -> Disk:
    copy = folder / "copy.img"
    shutil.copy(gpt, copy)
    for offset, content in changes:
        patch(copy, offset, content)
    with copy.open("r+b") as stream:
        stream.truncate(size)
    return read(copy)


@pytest.mark.host
@pytest.mark.parametrize("offset", [512, 512 + 60, 1024 + 8])
def test_the_backup_serves_where_the_primary_is_damaged(gpt: Path, tmp_path: Path, offset: int) -> None:
    found = damaged(gpt, tmp_path, (offset, b"\x5a\xa5"))
    assert found.partitions == read(gpt).partitions
    assert found.problems == ("the primary GPT is damaged; the backup at the end was read",)


@pytest.mark.host
def test_a_damaged_backup_is_told(gpt: Path, tmp_path: Path) -> None:
    found = damaged(gpt, tmp_path, (SIZE - 512, bytes(8)))
    assert found.partitions == read(gpt).partitions
    assert found.problems == ("the backup GPT is damaged or missing",)


@pytest.mark.host
def test_a_disk_that_was_grown(gpt: Path, tmp_path: Path) -> None:
    found = damaged(gpt, tmp_path, size=2 * SIZE)
    assert found.problems == ("the backup GPT is at sector 131071, not at the end of the disk (262143)",)


@pytest.mark.host
def test_a_disk_that_was_cut(gpt: Path, tmp_path: Path) -> None:
    found = damaged(gpt, tmp_path, size=20 * MIB)
    assert found.problems == (
        "the disk ends at sector 40959, before the backup GPT at 131071",
        "/dev/sda2 ends at byte 33554432, the disk at 20971520",
    )


@pytest.mark.host
def test_no_copy_is_intact(gpt: Path, tmp_path: Path) -> None:
    found = damaged(gpt, tmp_path, (512, bytes(8)), (SIZE - 512, bytes(8)))
    assert (found.table, found.partitions) == ("", ())
    assert "neither copy of the table is intact" in found.problems[0]


@pytest.mark.host
def test_a_gpt_without_a_protective_mbr_is_no_table(gpt: Path, tmp_path: Path) -> None:
    assert damaged(gpt, tmp_path, (510, b"\0\0")).table == ""


@pytest.mark.host
def test_sectors_of_4096_bytes(gpt: Path) -> None:
    """The same table, moved to where a disk of 4096-byte sectors has it."""
    import struct
    import zlib

    sector, sectors = 4096, SIZE // 4096
    raw = bytearray(SIZE)
    entries = bytearray(128 * 128)
    with gpt.open("rb") as stream:
        original = stream.read(1024 + 128 * 128)
    raw[:512] = original[:512]
    entries[:128] = original[1024:1152]
    entries[32:48] = struct.pack("<QQ", 256, 511)
    header = bytearray(original[512:604])
    header[24:40] = struct.pack("<QQ", 1, sectors - 1)
    header[72:80] = struct.pack("<Q", 2)
    header[88:92] = struct.pack("<I", zlib.crc32(entries))
    header[16:20] = bytes(4)
    header[16:20] = struct.pack("<I", zlib.crc32(header))
    raw[sector : sector + 92] = header
    raw[2 * sector : 2 * sector + len(entries)] = entries
    found = read_disk(bytes_volume(bytes(raw)), "/dev/sda")
    assert (found.sector_size, found.problems) == (4096, ("the backup GPT is damaged or missing",))
    assert [(p.start, p.size) for p in found.partitions] == [(MIB, MIB)]


@pytest.mark.host
def test_a_loop_of_logical_partitions_ends(tmp_path: Path) -> None:
    path = partitioned(tmp_path / "a.img", "label: dos\n1MiB 30MiB 5\n2MiB 3MiB 83\n6MiB 3MiB 83\n")
    with path.open("rb") as stream:
        stream.seek(MIB)
        first = stream.read(512)
    patch(path, MIB + 446 + 16 + 8, bytes(4))  # its link leads back to itself
    assert first[510:] == b"\x55\xaa"
    found = read(path)
    assert "is a loop" in found.problems[0]
    assert [p.number for p in found.partitions] == [1, 5]


@pytest.mark.host
def test_a_broken_chain_of_logical_partitions(tmp_path: Path) -> None:
    path = partitioned(tmp_path / "a.img", "label: dos\n1MiB 30MiB 5\n2MiB 3MiB 83\n6MiB 3MiB 83\n")
    second = read(path).partitions[2].start // 512 - 2048
    patch(path, second * 512 + 510, b"\0\0")
    found = read(path)
    assert [p.number for p in found.partitions] == [1, 5]
    assert found.problems == (
        f"no boot record at sector {second}, where one of the logical partitions should be",
    )


# -- what is no table -------------------------------------------------------------------------------------


@pytest.mark.host
@pytest.mark.parametrize("bits", [12, 16, 32])
def test_a_boot_sector_of_fat_is_no_table(tmp_path: Path, bits: int) -> None:
    path = blank(tmp_path / "a.img", {12: 1440 << 10, 16: 64 * MIB, 32: 300 * MIB}[bits])
    tool("mkfs.fat", "-F", bits, path)
    assert read(path).table == ""


@pytest.mark.host
def test_a_boot_sector_of_ntfs_is_no_table(tmp_path: Path) -> None:
    path = blank(tmp_path / "a.img", 16 * MIB)
    tool("mkntfs", "-q", "-F", "-Q", path)
    assert read(path).table == ""


def test_nothing_at_all() -> None:
    assert read_disk(bytes_volume(b""), "/dev/sda") == Disk("/dev/sda", 0)
    assert read_disk(bytes_volume(bytes(MIB)), "/dev/sda") == Disk("/dev/sda", MIB)


@given(st.binary(max_size=2048))
def test_rubbish_gets_an_answer(raw: bytes) -> None:
    read_disk(bytes_volume(raw), "/dev/sda")
    read_disk(bytes_volume(raw[:510].ljust(510, b"\0") + b"\x55\xaa" + raw[510:]), "/dev/sda")
