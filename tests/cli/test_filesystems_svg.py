"""imgtools filesystems as a picture: bars on a terminal, and --svg."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from imgtools.cli.output.filesystems_picture import MOST_LINES, disk_lines, filesystems_svg
from imgtools.records.disks import Disk, Holder
from imgtools.records.lvm import LogicalVolume, PhysicalVolume, VolumeGroup
from imgtools.records.request import Engine
from imgtools.workflows.filesystems import FilesystemRow, FilesystemsReport, PartitionRow
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image
from tools.terminal import WIDTH, run_on_terminal

MIB = 1 << 20
HOSTILE = "</text><x>&\x1b[31m\u202e\udcff"


def partition(number: int, start: int, size: int, kind: str = "primary") -> PartitionRow:
    """A partition of /dev/sda."""
    return PartitionRow(
        "/dev/sda", f"/dev/sda{number}", number, start, size, "0x83", kind, "", "", (), True, MIB
    )


def row(
    device: str, content: str = "ext4", label: str = "", used: int | None = None, available: int | None = None
) -> FilesystemRow:
    """What is on a device."""
    return FilesystemRow(
        device, Holder.PARTITION, content, label, "", "", 10 * MIB, used, available, (), True
    )


def report_of(
    partitions: tuple[PartitionRow, ...] = (),
    rows: tuple[FilesystemRow, ...] = (),
    size: int = 100 * MIB,
    lvm: tuple[tuple[PhysicalVolume, ...], tuple[VolumeGroup, ...], tuple[LogicalVolume, ...]] = ((), (), ()),
) -> FilesystemsReport:
    """A report on one disk."""
    disk = Disk("/dev/sda", size, table="dos" if partitions else "")
    return FilesystemsReport("d.raw", Engine.DIRECT, (disk,), partitions, *lvm, rows)


def texts_of(svg: str) -> list[str]:
    """The words of a picture, which is well-formed XML."""
    elements = ElementTree.fromstring(svg.encode("utf-8", "strict")).iter()
    return [element.text for element in elements if element.text and element.text.strip()]


def test_terminal_shows_a_bar_above_the_tree_and_a_pipe_none(tmp_path: Path) -> None:
    image = fixture_image("lvm")
    names, bar, legend, first = run_on_terminal(f"imgtools filesystems {image}", tmp_path).text.splitlines()[
        :4
    ]
    assert names.split() == ["1", "2", "3"]
    assert bar.startswith("[#") and bar.endswith(".]") and bar.count("|") == 2 and len(bar) == WIDTH - 2
    assert legend == "# used  . free" and first.startswith("/dev/sda ")
    for words in ([], ["--json"]):
        assert "|" not in imgtools("filesystems", *words, image).out


def test_free_room_and_unknown_use_are_shown() -> None:
    report = report_of(
        (partition(1, MIB, 40 * MIB), partition(2, 41 * MIB, 30 * MIB)),
        (row("/dev/sda1", used=20 * MIB, available=20 * MIB),),
    )
    assert disk_lines(report, report.disks[0], 32) == [
        "      1          2",
        "[######.....|=========|        ]",
        "# used  . free  = not known  blank: no partition",
    ]


def test_logical_partitions_stand_for_the_extended_one() -> None:
    report = report_of((partition(2, MIB, 99 * MIB, "extended"), partition(5, 2 * MIB, 98 * MIB, "logical")))
    assert disk_lines(report, report.disks[0], 12)[:2] == ["     5", "[==========]"]


def test_a_disk_without_partitions_is_what_lies_on_it() -> None:
    whole = report_of((), (row("/dev/sda", "vfat", used=75, available=25),))
    assert disk_lines(whole, whole.disks[0], 10)[0] == "[######..]"
    nothing = report_of()
    assert disk_lines(nothing, nothing.disks[0], 10)[0] == "[        ]"


def test_picture_tells_partitions_volumes_and_use(tmp_path: Path) -> None:
    target = tmp_path / "disk.svg"
    listed = imgtools("filesystems", fixture_image("lvm"))
    ran = imgtools("filesystems", "--svg", target, fixture_image("lvm"))
    assert ran.out == listed.out and str(target) in ran.err
    words = texts_of(target.read_text())
    assert "Volume group vg_main: 448M on /dev/sda2" in words
    assert "/dev/vg_data/srv-data  ext4  srv  100M  11 % used" in words  # what a browser tells
    for word in ("/dev/sda: 768M, MBR", "1 ext2", "75 % in volumes", "/dev/vg_main/root", "<1 % used", "srv"):
        assert word in [" ".join(one.split()) for one in words], word
    imgtools("filesystems", "--json", "--only", "lvs", "--svg", target, "--force", fixture_image("lvm"))


def test_a_partition_without_label_has_its_name() -> None:
    named = PartitionRow(
        "/dev/sda", "/dev/sda1", 1, MIB, 99 * MIB, "", "primary", "Basic data", "", (), True, MIB
    )
    words = texts_of(filesystems_svg(report_of((named,)), "d"))
    assert "/dev/sda1  unknown content  Basic data  99M" in words
    words = texts_of(filesystems_svg(report_of((named,), (row("/dev/sda1", label="mine"),)), "d"))
    assert "/dev/sda1  ext4  mine  99M" in words


def test_hostile_labels_are_words() -> None:
    svg = filesystems_svg(report_of((), (row("/dev/sda", HOSTILE, HOSTILE),)), HOSTILE)
    shown = [one for one in texts_of(svg) if "<x>" in one]
    assert len(shown) >= 4 and all("\\x1b[31m\\u202e\\xff" in one for one in shown)


def test_a_group_has_copies_and_free_room_and_thin_volumes_none_of_their_own() -> None:
    lvs = tuple(
        LogicalVolume(f"/dev/v/{name}", name, "v", "", size * MIB, kind)
        for name, size, kind in (("mirror", 20, "raid1"), ("pool", 30, "thin-pool"), ("thin", 900, "thin"))
    )
    lvm = (
        (PhysicalVolume("/dev/sda", "", 100 * MIB, "v"),),
        (VolumeGroup("v", "", 96 * MIB, 20 * MIB, MIB),),
        lvs,
    )
    words = texts_of(filesystems_svg(report_of((), (row("/dev/sda", "LVM2_member"),), lvm=lvm), "d"))
    assert "copies and metadata  LVM  26M" in words and "free  20M" in words
    assert "/dev/sda  LVM2_member  10M" not in words and "79 % in volumes" in words
    assert "/dev/v/pool  unknown content  thin-pool  30M" in words and "/dev/v/thin" not in words


def test_a_group_on_several_volumes_does_not_say_which_is_full() -> None:
    pvs = tuple(PhysicalVolume(device, "", 60 * MIB, "v") for device in ("/dev/sda", "/dev/sdb"))
    lvm = (pvs, (VolumeGroup("v", "", 112 * MIB, 20 * MIB, MIB),), ())
    words = texts_of(filesystems_svg(report_of((), (row("/dev/sda", "LVM2_member"),), lvm=lvm), "d"))
    assert "Volume group v: 112M on /dev/sda, /dev/sdb" in words
    assert not any("in volumes" in one for one in words)


def test_an_opened_container_is_as_full_as_what_is_in_it() -> None:
    opened = FilesystemRow(
        "/dev/mapper/x", Holder.CRYPT, "ext4", "", "", "", 9 * MIB, 3, 1, ("/dev/sda",), True
    )
    report = report_of((), (row("/dev/sda", "crypto_LUKS"), opened))
    assert disk_lines(report, report.disks[0], 10)[0] == "[######..]"
    loop = FilesystemRow(
        "/dev/sda", Holder.CRYPT, "crypto_LUKS", "", "", "", MIB, None, None, ("/dev/sda",), False
    )
    report = report_of((), (loop,))
    assert disk_lines(report, report.disks[0], 10)[0] == "[========]"


def test_very_many_partitions_make_a_bounded_list() -> None:
    count = 5000
    partitions = tuple(partition(n, n * 4 * MIB, 4 * MIB) for n in range(1, count))
    report = report_of(partitions, size=count * 4 * MIB)
    svg = filesystems_svg(report, "d")
    assert f"and {count - MOST_LINES} more" in texts_of(svg)  # the room before the first is one, too
    assert len(svg) < 1 << 20
    assert len(disk_lines(report, report.disks[0], 100)[0]) == 100


def test_a_file_that_is_there_stays_unless_forced(tmp_path: Path) -> None:
    image, target = copy_fixture("fat", tmp_path)[0], tmp_path / "disk.svg"
    target.write_text("mine")
    refused = imgtools("filesystems", "--svg", target, image, code=None)
    assert refused.code != 0 and not refused.out and target.read_text() == "mine"
    imgtools("filesystems", "--svg", target, "--force", image)
    texts_of(target.read_text())
    imgtools("filesystems", "--force", image, code=2)
    before = image.read_bytes()
    assert "is a file of the image" in imgtools("filesystems", "--svg", image, "--force", image, code=2).err
    assert image.read_bytes() == before
