"""Tables written to real files with sfdisk, checked with sgdisk; no root, no boot."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.engine.process import HOST, run
from imgtools.engine.sfdisk import Entry, PartitionTable, read_table, write_table
from imgtools.errors import BadImage, UnsupportedFormat
from imgtools.resize.partitioning import check_table, expand, grown

pytestmark = pytest.mark.host

MIB = 1 << 20
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BIOS = "21686148-6449-6E6F-744E-656564454649"
CLOUD = PartitionTable(
    label="gpt",
    id="D0D0D0D0-0001-4000-8000-000000000001",
    sector_size=512,
    first=34,
    last=204766,
    entries=(
        Entry(1, 34816, 65536, LINUX, "D0D0D0D0-0001-4000-8000-0000000000A1", "cloudimg-rootfs"),
        Entry(14, 2048, 8192, BIOS, "D0D0D0D0-0001-4000-8000-0000000000AE", 'a "b"\\ \u00fc\u4e2d, c'),
        Entry(
            15, 10240, 20480, ESP, "D0D0D0D0-0001-4000-8000-0000000000AF", "", "RequiredPartition GUID:48,60"
        ),
    ),
)
OFFICE = PartitionTable(
    label="dos",
    id="0x1234abcd",
    sector_size=512,
    first=1,
    last=204799,
    entries=(
        Entry(1, 63, 20417, "7", bootable=True),
        Entry(2, 40960, 102400, "f"),
        Entry(5, 43008, 20480, "83"),
        Entry(6, 63551, 10000, "82"),
    ),
)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk of 100 MiB with boot code in its first sector and something behind it."""
    host_path = tmp_path / "disk with spaces, 7"
    with host_path.open("wb") as stream:
        stream.write(bytes(range(1, 256)) + bytes(range(1, 186)))
        stream.seek(2048 * 512 - 512)
        stream.write(b"core of the boot loader".ljust(512, b"!"))
        stream.truncate(100 * MIB)
    return host_path


@pytest.mark.parametrize("table", [CLOUD, OFFICE], ids=["gpt", "mbr"])
def test_everything_comes_back(disk: Path, table: PartitionTable) -> None:
    write_table(disk, table)
    assert set(read_table(disk).entries) == set(table.entries)
    assert replace(read_table(disk), entries=()) == replace(table, entries=())


@pytest.mark.parametrize("table", [CLOUD, OFFICE], ids=["gpt", "mbr"])
def test_boot_code_stays(disk: Path, table: PartitionTable) -> None:
    before = disk.read_bytes()
    write_table(disk, table)
    after = disk.read_bytes()
    assert after[:440] == before[:440]
    gap = 34 * 512 if table.label == "gpt" else 512
    assert after[gap:MIB] == before[gap:MIB]


def test_backup_gpt_moves_to_the_new_end(disk: Path) -> None:
    write_table(disk, CLOUD)
    with disk.open("r+b") as stream:
        stream.truncate(200 * MIB)
    write_table(disk, expand(read_table(disk), 1, 200 * MIB))
    checked = run(["sgdisk", "--verify", str(disk)], HOST).text
    assert "No problems found" in checked
    assert disk.read_bytes()[-512:-504] == b"EFI PART"
    found = read_table(disk).entry(1)
    assert found == replace(CLOUD.entries[0], size=(199 * MIB) // 512 - 34816)


def test_gpt_of_a_smaller_disk(disk: Path) -> None:
    write_table(disk, CLOUD)
    table = grown(read_table(disk), 60 * MIB)
    with disk.open("r+b") as stream:
        stream.truncate(60 * MIB)
    write_table(disk, table)
    assert "No problems found" in run(["sgdisk", "--verify", str(disk)], HOST).text
    assert read_table(disk) == table


def test_logical_partition_grows_with_the_extended_one(disk: Path) -> None:
    write_table(disk, OFFICE)
    write_table(disk, expand(read_table(disk), 6))
    table = read_table(disk)
    assert (table.entry(6).end, table.entry(2).end) == (204800, 204800)  # type: ignore[union-attr]
    assert table.entry(5) == OFFICE.entries[2]


def test_hybrid_mbr_follows(disk: Path) -> None:
    write_table(disk, CLOUD)
    make_hybrid(disk)
    table = read_table(disk)
    assert [slot.number for slot in table.hybrid] == [15, 1, 0]
    write_table(disk, expand(table, 1))
    raw = disk.read_bytes()[446:510]
    assert raw[4] == 0x0C and raw[4 + 32] == 0xEE
    assert struct.unpack_from("<II", raw, 8) == (10240, 20480)
    assert struct.unpack_from("<II", raw, 24) == (34816, 202752 - 34816)
    assert run(["sgdisk", "--print", str(disk)], HOST).text.count("\n") > 3


def make_hybrid(disk: Path) -> None:
    """Let the MBR repeat partitions 15 and 1, as old multi-boot setups have it."""
    slots = bytearray(64)
    for index, (kind, start, size) in enumerate([(0x0C, 10240, 20480), (0x83, 34816, 65536), (0xEE, 1, 33)]):
        slots[16 * index + 4] = kind
        struct.pack_into("<II", slots, 16 * index + 8, start, size)
    with disk.open("r+b") as stream:
        stream.seek(446)
        stream.write(slots)


def test_active_protective_mbr_stays_active(disk: Path) -> None:
    write_table(disk, CLOUD)
    with disk.open("r+b") as stream:
        stream.seek(446)
        stream.write(b"\x80")
    write_table(disk, expand(read_table(disk), 1))
    assert disk.read_bytes()[446] == 0x80


@pytest.mark.parametrize("place", [512, 100 * MIB - 512], ids=["primary", "backup"])
def test_damaged_copy_is_refused_until_repair_is_asked_for(disk: Path, place: int) -> None:
    write_table(disk, CLOUD)
    with disk.open("r+b") as stream:
        stream.seek(place + 16)
        stream.write(b"\xff\xff")
    table = read_table(disk)
    with pytest.raises(BadImage, match="corrupt"):
        check_table(table)
    check_table(table, repair=True)
    write_table(disk, replace(table, problems=()))
    assert read_table(disk).problems == ()
    assert "No problems found" in run(["sgdisk", "--verify", str(disk)], HOST).text


def test_sectors_of_4096_bytes(disk: Path) -> None:
    last = 100 * MIB // 4096 - 2 - 4
    root = Entry(3, 512, 2048, LINUX, "D0D0D0D0-0001-4000-8000-0000000000A1", "root, it's")
    table = PartitionTable("gpt", CLOUD.id, 4096, 6, last, (root,))
    write_table(disk, table)
    assert disk.read_bytes()[4096:4104] == b"EFI PART"
    assert read_table(disk, sector_size=4096) == table
    larger = expand(table, 3)
    write_table(disk, larger)
    assert read_table(disk, sector_size=4096).entries == (replace(root, size=99 * 256 - 512),)


def test_no_table(disk: Path) -> None:
    with pytest.raises(BadImage, match="no partition table"):
        read_table(disk)
    with pytest.raises(BadImage, match="no partition table"):
        read_table(disk, sector_size=4096)


def test_both_copies_damaged(disk: Path) -> None:
    write_table(disk, CLOUD)
    with disk.open("r+b") as stream:
        for place in (512, 100 * MIB - 512):
            stream.seek(place)
            stream.write(b"nothing!")
    with pytest.raises(BadImage, match="both copies"):
        read_table(disk)


def test_other_labels_are_left_alone(disk: Path) -> None:
    run(["sfdisk", "-q", "--no-reread", str(disk)], HOST, stdin=b"label: sun\n")
    with pytest.raises(UnsupportedFormat, match="sun"):
        read_table(disk)


def test_gpt_with_entries_elsewhere_is_left_alone(disk: Path) -> None:
    write_table(disk, CLOUD)
    run(["sgdisk", "--move-main-table=20", str(disk)], HOST)
    with pytest.raises(UnsupportedFormat, match="sector 20"):
        read_table(disk)
