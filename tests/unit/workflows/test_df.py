"""How full: the numbers, the percentages, and one bad image among several."""

import pytest

from imgtools.cli.df import bar, csv_lines
from imgtools.errors import BadImage
from imgtools.records.disks import Holder, Volume
from imgtools.records.request import Engine
from imgtools.records.usage import Usage
from imgtools.workflows.df import measure_usage, percent
from tests.support.memory import MemoryFilesystem, MemorySession, memory_image, memory_volume, serve


class Full(MemoryFilesystem):
    def usage(self) -> Usage:
        return Usage(size=1000 << 10, free=400 << 10, available=350 << 10, inodes=100, inodes_free=75)


def image_of(*volumes: Volume) -> MemorySession:
    return MemorySession({volume: Full({}) for volume in volumes}, engine=Engine.DIRECT)


def test_percent_leaves_out_what_is_reserved_as_df_does(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "df", memory_image(image_of(memory_volume())))
    (row,) = measure_usage(request).images[0].filesystems
    assert (row.used, row.available, row.use_percent) == (600 << 10, 350 << 10, 63.2)
    assert (row.inodes_used, row.inodes_free) == (25, 75)


def test_swap_and_subvolumes_are_not_filesystems_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    volumes = (
        memory_volume("/dev/sda1", "swap"),
        memory_volume("/dev/sda2", "btrfs"),
        Volume("btrfsvol:/dev/sda2/root", Holder.SUBVOLUME, 1, "btrfs", parents=("/dev/sda2",)),
    )
    request = serve(monkeypatch, "df", memory_image(image_of(*volumes)))
    assert [row.device for row in measure_usage(request).images[0].filesystems] == ["/dev/sda2"]


def test_csv_is_what_virt_df_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "df", memory_image(image_of(memory_volume())))
    report = measure_usage(request)
    assert csv_lines(report, inodes=False) == (
        "Virtual Machine,Filesystem,1K-blocks,Used,Available,Use%",
        ["memory.img,/dev/sda1,1000,600,350,60.0%"],
    )
    assert csv_lines(report, inodes=True)[1] == ["memory.img,/dev/sda1,100,25,75,25.0%"]


def test_bars_and_percentages_stay_within_their_bounds() -> None:
    assert percent(1, 0) == 0.0
    assert bar(0) == "░" * 20
    assert bar(130) == "█" * 20
    assert bar(50).count("█") == 10


def test_a_filesystem_that_cannot_be_read_is_a_row_without_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost(MemoryFilesystem):
        def usage(self) -> Usage:
            raise BadImage("the filesystem names byte 9")

    bad, good = memory_volume("/dev/sda1"), memory_volume("/dev/sda2")
    image = memory_image(MemorySession({bad: Lost({}), good: Full({})}, engine=Engine.DIRECT))
    report = measure_usage(serve(monkeypatch, "df", image))
    (lost,), (row,) = report.images[0].unread, report.images[0].filesystems
    assert (lost.device, lost.content, lost.problem) == ("/dev/sda1", "ext4", "the filesystem names byte 9")
    assert (row.device, row.size) == ("/dev/sda2", 1000 << 10)
    assert report.exit_code == 1
    assert [one.text for one in report.warnings] == [
        "/dev/sda1 (ext4) cannot be read: the filesystem names byte 9"
    ]
    assert len(csv_lines(report, inodes=False)) == len(csv_lines(report, inodes=True)) == 2
