"""imgtools resize --copy."""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path

import pytest

from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest
from imgtools.workflows.resize_copy import ResizeCopyRequest, resize_copy
from tests.support.command import imgtools
from tests.support.cut import run_cut
from tests.support.resizable import LOGICAL, cloud_disk, disk_of, ext4_file, ext4_size, run, table_of

MIB = 1 << 20
CUTS = 6


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def part_of(image: Path, number: int, folder: Path) -> Path:
    """One partition of an image, as a file."""
    entry, raw, part = table_of(image)[number], folder / "all.raw", folder / f"part{number}"
    run("qemu-img", "convert", "-O", "raw", image, raw)
    run("dd", f"if={raw}", f"of={part}", "bs=512", f"skip={entry['start']}", f"count={entry['size']}")
    return part


def test_the_plan_is_shown_and_then_done(tmp_path: Path) -> None:
    image, target = cloud_disk(tmp_path / "cloud.qcow2", "qcow2"), tmp_path / "new.raw"
    old, before = digest(image), table_of(image)
    shown = imgtools("resize", image, "+60M", "--expand", "auto", "--copy", target)
    assert "copy partition 1, 32M -> 95M, at byte 4194304" in shown.out
    assert "Nothing was changed; --write does it." in shown.err
    assert not target.exists()
    done = imgtools("resize", image, "+60M", "--expand", "auto", "--copy", target, "--write", "--json")
    assert done.json["schema"] == "imgtools.resize-copy/2"
    assert done.data["written"] and done.data["new_size"] == 100 * MIB == target.stat().st_size
    after = table_of(target)
    assert after[1].pop("size") == 95 * 2048 and before[1].pop("size")
    assert after == before
    assert ext4_size(part_of(target, 1, tmp_path)) == 95 * MIB
    assert digest(image) == old


def test_a_logical_partition_shrinks_and_the_format_is_chosen(tmp_path: Path) -> None:
    root = ext4_file(tmp_path / "root", 28672 * 512, data=3 * MIB)
    image = disk_of(tmp_path / "office.raw", 20 * MIB, LOGICAL, {12288 * 512: root})
    target = tmp_path / "new"
    words = ("--resize", "/dev/sda5=-20%", "--format-out", "qcow2", "--write")
    imgtools("resize", image, "18M", "--copy", target, *words)
    table = table_of(target)
    assert table[5]["size"] == 12 * 2048 and table[2]["size"] == 13 * 2048
    assert table[1]["bootable"]
    part = part_of(target, 5, tmp_path)
    assert ext4_size(part) == 12 * MIB
    assert run("debugfs", "-R", "cat /hello", part) == "still here"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("+1M", "--expand", "/dev/sda7"), 2, "there is no partition 7"),
        (("+1M", "--expand", "nothing"), 2, "not a partition: nothing"),
        (("+1M", "--resize", "/dev/sda1"), 2, "not a partition and its size"),
        (("+1M", "--align-first", "perhaps"), 2, "--align-first perhaps"),
        (("+1M", "--alignment", "1000"), 2, "an alignment of 1000 bytes"),
        (("+1M", "-O", "floppy"), 2, "floppy"),
        (("+1M", "--lv-expand", "/dev/vg/lv"), 2, "there is no logical volume"),
        (("3T", "-O", "vpc"), 14, "vpc holds no disk of 3298534883328 bytes"),
        (("70T", "-O", "vhdx"), 14, "vhdx holds no disk of"),
        (("+1M", "--ignore", "/dev/sda7"), 2, "there is no partition 7"),
        (("+1M", "--delete", "/dev/sda7"), 2, "there is no partition 7"),
        (("-1M", "--shrink", "/dev/sda7"), 2, "there is no partition 7"),
        (("+1M", "--delete", "1", "--ignore", "1"), 2, "cannot be deleted and ignored"),
        (("+1M", "--delete", "1", "--expand", "1"), 2, "cannot be deleted and resized"),
        (("-1M", "--expand", "1", "--shrink", "1"), 2, "do not go together"),
        (("3M",), 17, "the partitions need a disk of"),
        (("--resize", "/dev/sda1=5M"), 17, "needs"),
        (("-20M", "--shrink", "/dev/sda15"), 17, "too small"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    image = cloud_disk(tmp_path / "cloud.raw", data=16 * MIB)
    before = sorted(tmp_path.iterdir())
    ran = imgtools("resize", image, *words, "--copy", tmp_path / "new.raw", "--write", code=code)
    assert said in ran.err and not ran.out
    assert sorted(tmp_path.iterdir()) == before


def test_a_target_that_is_there_stays(tmp_path: Path) -> None:
    image, target = cloud_disk(tmp_path / "cloud.raw"), tmp_path / "mine"
    target.write_text("mine")
    imgtools("resize", image, "+1M", "--copy", target, "--write", code=15)
    ran = imgtools("resize", image, "+1M", "--copy", image, "--write", code=15)
    assert "--overwrite replaces it" in ran.err
    assert target.read_text() == "mine"


def test_killed_anywhere_the_target_is_whole_or_not_there(tmp_path: Path) -> None:
    image = cloud_disk(tmp_path / "cloud.raw", data=2 * MIB)
    old, target, said = digest(image), tmp_path / "new.qcow2", tmp_path / "said"
    said.mkdir()
    request = ResizeCopyRequest(
        ImageRequest((DiskSource(image),)), target, "+40M", expand="/dev/sda1", write=True
    )
    whole = run_cut(lambda: resize_copy(request), said)
    assert whole.code == 0 and target.exists()
    target.unlink()
    for cut in range(1, len(whole.steps) * 9 // 10, max(1, len(whole.steps) // CUTS)):
        ended = run_cut(lambda: resize_copy(request), said, cut=cut)
        assert ended.code == -signal.SIGKILL
        assert digest(image) == old
        if target.exists():
            assert ext4_size(part_of(target, 1, tmp_path)) == 75 * MIB
            target.unlink()
    resize_copy(request)  # takes away what the killed ones left
    assert not list(tmp_path.glob(".imgtools*"))
