"""Copies of whole disks, divided anew, with real filesystems in real files; nothing is booted but one guest."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from fixtures.boot import booted
from fixtures.real import PASSWORDS
from imgtools.disk import new_file
from imgtools.disk.image_file import create_image
from imgtools.errors import (
    BadImage,
    EngineFailed,
    ImgtoolsError,
    NoRoom,
    TargetExists,
    UnsupportedFormat,
    UsageError,
    WouldLoseData,
)
from imgtools.records.image import DiskSource
from imgtools.records.request import Engine, ImageRequest, Secret
from imgtools.workflows.filesystems import list_filesystems
from imgtools.workflows.resize_copy import ResizeCopyReport, ResizeCopyRequest, resize_copy
from tests.support.divided import MIB, UNIT, at, make_disk, put, run, table_of, take
from tests.support.fixtures import fixture_image

LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BIOS = "21686148-6449-6E6F-744E-656564454649"
UUID = "d0d0d0d0-0077-4000-8000-000000000a01"
SWAP = "d0d0d0d0-0077-4000-8000-000000000501"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to find again."""
    folder = tmp_path_factory.mktemp("tree")
    (folder / "etc").mkdir()
    (folder / "etc/hostname").write_text("cloudy\n")
    (folder / "large").write_bytes(bytes(range(256)) * 4096 * 9)  # 9 MiB
    return folder


@pytest.fixture
def cloud(tmp_path: Path, tree: Path) -> Path:
    """The layout of cloud images: root is number 1 and last on the disk; GRUB of a BIOS in number 14."""
    entries = [
        at(1, 17, 30, LINUX, uuid="D0D0D0D0-0077-4000-8000-0000000000A1", name="cloudimg-rootfs"),
        at(14, 1, 4, BIOS, uuid="D0D0D0D0-0077-4000-8000-0000000000AE"),
        at(15, 5, 12, ESP, uuid="D0D0D0D0-0077-4000-8000-0000000000AF", attributes="RequiredPartition"),
    ]
    root = ["mke2fs", "-q", "-t", "ext4", "-U", UUID, "-L", "root", "-d", str(tree)]
    disk = tmp_path / "cloud.raw"
    make_disk(disk, 48, "gpt", entries, {1: root, 15: ["mkfs.fat", "-h", "10240", "-n", "UEFI"]})
    install_grub(disk, 2048)
    return disk


@pytest.fixture
def office(tmp_path: Path, tree: Path) -> Path:
    """An MBR with an NTFS at sector 63, an ext4 and a swap area in logical partitions."""
    entries = [
        at(
            1,
            0,
            20,
            "7",
        ),
        at(2, 20, 60, "f"),
        at(5, 21, 39, "83"),
        at(6, 61, 19, "82"),
    ]
    entries[0] = type(entries[0])(1, 63, 20 * UNIT - 63, "7", bootable=True)
    contents = {
        1: ["mkntfs", "-q", "-F", "-p", "63", "-H", "255", "-S", "63", "-s", "512"],
        5: ["mke2fs", "-q", "-t", "ext4", "-U", UUID, "-d", str(tree)],
        6: ["mkswap", "-q", "-U", SWAP, "-L", "spare"],
    }
    disk = tmp_path / "office.raw"
    make_disk(disk, 80, "dos", entries, contents)
    return disk


def install_grub(disk: Path, sector: int) -> None:
    """Put what GRUB leaves on a disk: a boot sector that leads to ``sector``, and there a list of sectors."""
    boot = bytearray(b"\xeb\x63\x90".ljust(384, b"\0") + b"GRUB \0Geom\0Hard Disk\0Read\0 Error")
    boot = bytearray(bytes(boot).ljust(440, b"\0"))
    struct.pack_into("<Q", boot, 0x5C, sector)
    core = bytearray(512)
    struct.pack_into("<QHH", core, 500, sector + 1, 80, 0x820)
    with disk.open("r+b") as stream:
        stream.write(boot)
        stream.seek(sector * 512)
        stream.write(core + b"the rest of GRUB")


def copy(
    source: Path, target: Path, size: str | None = None, *, write: bool = True, **more: object
) -> ResizeCopyReport:
    """Run the workflow."""
    asked = ImageRequest((DiskSource(source),))
    return resize_copy(ResizeCopyRequest(asked, target, size, write=write, **more))  # type: ignore[arg-type]


def file_in_ext(part: Path, path: str) -> str:
    """The content of a small file of an ext4."""
    return run("debugfs", "-R", f"cat {path}", part)


def size_of_ext(part: Path) -> int:
    """The bytes that an ext4 says it has."""
    told = dict(line.split(":", 1) for line in run("dumpe2fs", "-h", part).splitlines() if ":" in line)
    return int(told["Block count"]) * int(told["Block size"])


@pytest.mark.parametrize("format", ["raw", "qcow2", "vmdk"])
def test_root_grows_and_keeps_its_number(cloud: Path, tmp_path: Path, format: str) -> None:
    before = cloud.read_bytes()
    target = tmp_path / f"larger.{format}"
    report = copy(cloud, target, "100M", expand="auto")
    assert (report.format, report.new_size, report.written) == (format, 100 * MIB, True)
    table = table_of(target, format, tmp_path)
    assert table.id == "D0D0D0D0-0077-4000-8000-000000000001"
    assert table.entries == (
        at(1, 17, 82, LINUX, uuid="D0D0D0D0-0077-4000-8000-0000000000A1", name="cloudimg-rootfs"),
        at(14, 1, 4, BIOS, uuid="D0D0D0D0-0077-4000-8000-0000000000AE"),
        at(15, 5, 12, ESP, uuid="D0D0D0D0-0077-4000-8000-0000000000AF", attributes="RequiredPartition"),
    )
    assert "No problems found" in run("sgdisk", "--verify", tmp_path / "table.raw")
    root = take(target, format, 1, tmp_path / "root")
    run("e2fsck", "-fn", root)
    assert size_of_ext(root) == 82 * MIB
    assert file_in_ext(root, "/etc/hostname") == "cloudy\n"
    assert (tmp_path / "table.raw").read_bytes()[MIB : 17 * MIB] == before[MIB : 17 * MIB]
    assert cloud.read_bytes() == before


def test_the_filesystem_shrinks_with_its_partition(cloud: Path, tmp_path: Path) -> None:
    before = cloud.read_bytes()
    target = tmp_path / "smaller.qcow2"
    report = copy(cloud, target, "-10M", shrink="1")
    assert "make the ext4 on /dev/sda1 smaller, to 20M" in [step.summary for step in report.changes]
    root = take(target, "qcow2", 1, tmp_path / "root")
    run("e2fsck", "-fn", root)
    assert size_of_ext(root) == root.stat().st_size == 20 * MIB
    assert file_in_ext(root, "/etc/hostname") == "cloudy\n"
    assert cloud.read_bytes() == before


def test_what_the_filesystem_holds_is_not_cut_off(cloud: Path, tmp_path: Path) -> None:
    with pytest.raises(
        WouldLoseData, match=r"the ext4 of partition 1 needs \d+ bytes, and would get 3145728"
    ):
        copy(cloud, tmp_path / "tiny.raw", None, resize=["/dev/sda1=3M"])
    assert list(tmp_path.glob("tiny*")) == [] == list(tmp_path.glob(".imgtools*"))


def test_grub_is_found_again_when_its_partition_moves(cloud: Path, tmp_path: Path) -> None:
    target = tmp_path / "moved.raw"
    copy(cloud, target, "60M", alignment="4M", align_first="always")
    raw = target.read_bytes()
    assert struct.unpack_from("<Q", raw, 0x5C) == (4 * UNIT,)
    assert struct.unpack_from("<QHH", raw, 4 * MIB + 500) == (4 * UNIT + 1, 80, 0x820)
    assert raw[4 * MIB + 512 :][:16] == b"the rest of GRUB"
    esp = take(target, "raw", 15, tmp_path / "esp")
    assert struct.unpack_from("<I", esp.read_bytes(), 0x1C) == (8 * UNIT,)
    run("fsck.fat", "-n", esp)


def test_logical_partition_grows_and_what_lies_behind_moves(office: Path, tmp_path: Path) -> None:
    target = tmp_path / "office.qcow2"
    report = copy(office, target, "+40M", expand="/dev/sda5")
    table = table_of(target, "qcow2", tmp_path)
    assert [(e.number, e.start // UNIT, e.size // UNIT) for e in table.entries[1:]] == [
        (2, 20, 100),
        (5, 21, 79),
        (6, 101, 19),
    ]
    assert table.entries[0].bootable and table.entries[0].start == 63
    root = take(target, "qcow2", 5, tmp_path / "root")
    run("e2fsck", "-fn", root)
    assert size_of_ext(root) == 79 * MIB
    told = run("blkid", "-p", take(target, "qcow2", 6, tmp_path / "swap"))
    assert SWAP in told and "spare" in told
    assert not report.warnings


def test_swap_grows_and_keeps_its_uuid(office: Path, tmp_path: Path) -> None:
    target = tmp_path / "office.raw2"
    copy(office, target, "+40M", expand="6", format="raw")
    swap = take(target, "raw", 6, tmp_path / "swap")
    told = run("blkid", "-p", swap)
    assert SWAP in told and "spare" in told
    pages = struct.unpack_from("<I", swap.read_bytes(), 1028)[0]
    assert pages == 59 * MIB // 4096 - 1


def test_ntfs_that_moves_and_grows_knows_where_it_begins(office: Path, tmp_path: Path) -> None:
    target = tmp_path / "office2.raw"
    report = copy(office, target, "+40M", expand="1", align_first="always")
    assert any("Windows' own startup repair" in one.text for one in report.warnings)
    assert any("runs chkdsk on this NTFS" in one.text for one in report.warnings)
    part = take(target, "raw", 1, tmp_path / "ntfs")
    raw = part.read_bytes()
    assert struct.unpack_from("<I", raw, 0x1C) == (UNIT,)
    sectors = struct.unpack_from("<Q", raw, 0x28)[0]
    assert len(raw) - 4096 <= (sectors + 1) * 512 <= len(raw)
    assert struct.unpack_from("<I", raw, len(raw) - 512 + 0x1C) == (UNIT,)  # the copy of the first sector
    assert "Current volume size" in run("ntfsresize", "--info", "--force", "--no-progress-bar", part)


@pytest.fixture
def old_windows(tmp_path: Path) -> Path:
    """One NTFS at sector 63, as Windows XP divides a disk."""
    entry = type(at(1, 0, 1, "7"))(1, 63, 20 * UNIT - 126, "7", bootable=True)
    disk = tmp_path / "xp.raw"
    mkntfs = ["mkntfs", "-q", "-F", "-p", "63", "-H", "255", "-S", "63", "-s", "512"]
    make_disk(disk, 20, "dos", [entry], {1: mkntfs})
    return disk


@pytest.mark.parametrize(
    ("size", "wishes", "start"),
    [
        ("+10M", {}, UNIT),
        ("+10M", {"expand": "1"}, UNIT),
        ("+10M", {"align_first": "never"}, 63),
        (None, {}, 63),  # no room to move it
    ],
)
def test_the_first_partition_is_aligned_where_that_does_no_harm(
    old_windows: Path, tmp_path: Path, size: str | None, wishes: dict[str, object], start: int
) -> None:
    target = tmp_path / "new.raw"
    copy(old_windows, target, size, **wishes)
    (entry,) = table_of(target, "raw", tmp_path).entries
    assert entry.start == start and entry.bootable
    part = take(target, "raw", 1, tmp_path / "ntfs")
    assert struct.unpack_from("<I", part.read_bytes(), 0x1C) == (start,)
    run("ntfsresize", "--info", "--force", "--no-progress-bar", part)


def test_the_first_of_several_stays_unless_it_is_asked_for(office: Path, tmp_path: Path) -> None:
    report = copy(office, tmp_path / "new.raw", "+40M", write=False)
    assert report.partitions[0].new_start == 63 * 512


def test_ntfs_shrinks(office: Path, tmp_path: Path) -> None:
    target = tmp_path / "office2.raw"
    copy(office, target, "-8M", shrink="1")
    part = take(target, "raw", 1, tmp_path / "ntfs")
    assert struct.unpack_from("<Q", part.read_bytes(), 0x28)[0] * 512 < part.stat().st_size < 13 * MIB
    run("ntfsresize", "--info", "--force", "--no-progress-bar", part)


def test_deleting_and_ignoring(office: Path, tmp_path: Path) -> None:
    target = tmp_path / "less.raw"
    report = copy(office, target, delete=["/dev/sda5"], ignore=["/dev/sda1"])
    table = table_of(target, "raw", tmp_path)
    assert [(entry.number, entry.type) for entry in table.entries] == [(1, "7"), (2, "f"), (5, "82")]
    assert "logical partition 6 becomes 5" in report.warnings[0].text
    assert SWAP in run("blkid", "-p", take(target, "raw", 5, tmp_path / "swap"))
    assert not any(take(target, "raw", 1, tmp_path / "ntfs").read_bytes())


def test_holes_stay_holes(cloud: Path, tmp_path: Path) -> None:
    target = tmp_path / "large.raw"
    copy(cloud, target, "4G")
    assert target.stat().st_size == 4 << 30
    assert target.stat().st_blocks * 512 < 48 * MIB


def test_without_write_nothing_is_left(cloud: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    report = copy(cloud, tmp_path / "plan.qcow2", "100M", expand="1", write=False)
    assert not report.written and sorted(tmp_path.iterdir()) == before
    root = next(row for row in report.partitions if row.number == 1)
    assert (root.device, root.content, root.size, root.new_size) == ("/dev/sda1", "ext4", 30 * MIB, 82 * MIB)
    assert "copy partition 1, 30M -> 82M, at byte 17825792" in [step.summary for step in report.changes]


def test_existing_target_is_left_alone(cloud: Path, tmp_path: Path) -> None:
    target = tmp_path / "there"
    target.write_text("mine")
    with pytest.raises(TargetExists):
        copy(cloud, target)
    assert target.read_text() == "mine"


@pytest.mark.parametrize(
    ("wishes", "error", "words"),
    [
        ({"expand": "/dev/sda9"}, UsageError, "there is no partition 9"),
        ({"expand": "root"}, UsageError, "not a partition: root"),
        ({"expand": "/dev/sdb1"}, UsageError, "not a partition: /dev/sdb1"),
        ({"resize": ["1"]}, UsageError, "not a partition and its size: 1"),
        ({"resize": ["1=lots"]}, UsageError, "not a size: 'lots'"),
        ({"resize": ["1=90%", "1=20M"]}, UsageError, "not a partition and its size"),
        ({"resize": ["15=5M"]}, WouldLoseData, "partition 15 holds vfat, which cannot be made smaller"),
        ({"resize": ["15=200%"]}, WouldLoseData, "the partitions need a disk of"),
        ({"size": "20M"}, WouldLoseData, "need a disk of"),
        ({"size": "-1G"}, UsageError, "nothing would be left"),
        ({"size": "1000"}, UsageError, "not a size for a disk: 1000"),
        ({"expand": "auto", "shrink": "1"}, UsageError, "do not go together"),
        ({"lv_expand": "/dev/vg/root"}, UsageError, "there is no logical volume /dev/vg/root"),
        ({"size": "soon"}, UsageError, "not a size"),
        ({"align_first": "sometimes"}, UsageError, "--align-first sometimes"),
    ],
)
def test_what_cannot_be(
    cloud: Path, tmp_path: Path, wishes: dict[str, object], error: type[ImgtoolsError], words: str
) -> None:
    with pytest.raises(error, match=words):
        copy(cloud, tmp_path / "never.raw", **wishes)  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cloud.raw"]


def test_damaged_backup_gpt_is_refused_until_repair_is_asked_for(cloud: Path, tmp_path: Path) -> None:
    with cloud.open("r+b") as stream:
        stream.seek(48 * MIB - 512)
        stream.write(b"nothing!")
    with pytest.raises(BadImage, match="damaged"):
        copy(cloud, tmp_path / "new.raw", "60M")
    copy(cloud, tmp_path / "new.raw", "60M", repair_table=True)
    assert "No problems found" in run("sgdisk", "--verify", tmp_path / "new.raw")


def test_a_disk_without_a_table(tmp_path: Path) -> None:
    plain, content = tmp_path / "plain.raw", tmp_path / "content"
    content.write_bytes(b"no table")
    plain.write_bytes(bytes(MIB))
    put(plain, 4096, content)
    with pytest.raises(BadImage, match="no partition table"):
        copy(plain, tmp_path / "new.raw", "2M")


def test_no_room_on_the_host_is_found_before(
    cloud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_file, "free_room", lambda folder: MIB)
    with pytest.raises(NoRoom, match="has room for 1048576"):
        copy(cloud, tmp_path / "new.raw", "100M")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cloud.raw"]


def test_an_encrypted_image_is_not_resized(tmp_path: Path) -> None:
    locked = tmp_path / "locked.qcow2"
    options = (("encrypt.format", "luks"), ("encrypt.key-secret", "new"), ("encrypt.iter-time", "10"))
    create_image(locked, "qcow2", 8 * MIB, options, secret=Secret(b"open sesame"))
    with pytest.raises(UnsupportedFormat, match="is an encrypted image"):
        copy(locked, tmp_path / "new.raw", "+1G")
    assert list(tmp_path.iterdir()) == [locked]


def test_what_needs_the_appliance_says_so_when_that_is_ruled_out(tmp_path: Path) -> None:
    asked = ImageRequest((DiskSource(fixture_image("lvm")),), engine=Engine.DIRECT)
    wishes = ResizeCopyRequest(
        asked, tmp_path / "new.raw", "+64M", lv_expand="/dev/vg_data/srv-data", write=True
    )
    with pytest.raises(EngineFailed, match="/dev/vg_data/srv-data grows in the appliance only"):
        resize_copy(wishes)


@pytest.mark.appliance
def test_a_logical_volume_takes_what_is_left(tmp_path: Path) -> None:
    target = tmp_path / "larger.raw"
    report = copy(fixture_image("lvm"), target, "+64M", lv_expand="/dev/vg_main/root")
    sizes = {row.number: (row.size, row.new_size) for row in report.partitions}
    assert sizes[2][1] == sizes[2][0] + 64 * MIB  # the third moves up
    before, after = (
        {row.device: row for row in list_filesystems(ImageRequest((DiskSource(image),))).filesystems}
        for image in (fixture_image("lvm"), target)
    )
    grown = after["/dev/vg_main/root"].size - before["/dev/vg_main/root"].size
    assert grown >= 64 * MIB
    assert (after["/dev/vg_main/root"].available or 0) > (
        before["/dev/vg_main/root"].available or 0
    ) + 50 * MIB
    kept = [device for device in before if device not in ("/dev/vg_main/root", "/dev/sda2")]
    assert [(after[one].uuid, after[one].used) for one in kept] == [
        (before[one].uuid, before[one].used) for one in kept
    ]


@pytest.mark.appliance
def test_a_real_guest_boots_from_its_copy_though_all_of_it_has_moved(tmp_path: Path) -> None:
    target = tmp_path / "larger.qcow2"
    report = copy(
        fixture_image("real-plain"), target, "6G", expand="/dev/sda1", alignment="8M", align_first="always"
    )
    assert all(row.new_start != row.start for row in report.partitions)
    with booted(target) as console:
        console.login("root", PASSWORDS["root"])
        assert int(console.run("df --output=size -B1M / | tail -1").split()[-1]) > 5600
        assert console.run("findmnt -no SOURCE /; findmnt -no SOURCE /boot/efi").split() == [
            "/dev/vda1",
            "/dev/vda15",
        ]
