"""imgtools resize in place, without a boot."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from imgtools.disk import new_file
from tests.support.command import imgtools
from tests.support.disks import MIB, content_of, image_of, qemu_img, random_bytes
from tests.support.fixtures import copy_fixture
from tests.support.resizable import (
    LOGICAL,
    ROOT_SIZE,
    ROOT_START,
    cloud_disk,
    disk_of,
    ext4_file,
    ext4_size,
    made_file,
    part_of,
    run,
    table_of,
    virtual_size,
)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def beside(path: Path) -> list[str]:
    return [name for name in os.listdir(path.parent) if "imgtools" in name]  # noqa: PTH208


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_a_cloud_disk_grows_and_keeps_all_that_names_its_partitions(tmp_path: Path, format: str) -> None:
    image = cloud_disk(tmp_path / f"cloud.{format}", format)
    before, old = table_of(image), digest(image)
    shown = imgtools("resize", image, "+60M", "--expand", "auto", "--json").data
    assert digest(image) == old and not shown["written"]
    done = imgtools("resize", image, "+60M", "--expand", "auto", "--write", "--json").data
    assert done["changes"] == shown["changes"] and done["written"] and done["new_size"] == 100 * MIB
    after = table_of(image)
    size = after[1]["size"] * 512
    assert virtual_size(image) == 100 * MIB and size > 94 * MIB
    before[1]["size"] = after[1]["size"]
    assert after == before
    assert ext4_size(part_of(image, ROOT_START, size)) == size
    assert [one["new_size"] for one in done["partitions"] if one["number"] == 1] == [size]
    assert not beside(image)


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_shrinking_moves_data_out_of_what_is_cut_off(tmp_path: Path, format: str) -> None:
    image = cloud_disk(tmp_path / f"cloud.{format}", format, data=9 * MIB)
    imgtools("resize", image, "-10M", "--shrink", "/dev/sda1", "--write")
    size = table_of(image)[1]["size"] * 512
    assert virtual_size(image) == 30 * MIB and 24 * MIB < size < 26 * MIB
    assert ext4_size(part_of(image, ROOT_START, size)) == size
    assert not beside(image)


def test_below_what_it_holds_nothing_shrinks(tmp_path: Path) -> None:
    image = cloud_disk(tmp_path / "cloud.raw", data=15 * MIB)
    old = digest(image)
    for words in ((), ("--write",)):
        ran = imgtools("resize", image, "18M", "--shrink", "/dev/sda1", *words, code=17)
        assert "needs" in ran.err and "bytes at least" in ran.err
    assert "partition 1 ends at byte" in imgtools("resize", image, "30M", "--write", code=17).err
    assert digest(image) == old and not beside(image)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("12Q",), 2, "not a size"),
        (("+1",), 2, "not a size for a disk"),
        (("-40M",), 2, "nothing would be left"),
        (("40M",), 2, "already"),
        ((), 2, "already"),
        (("+10M", "--expand", "/dev/sda9"), 2, "no partition /dev/sda9"),
        (("--expand", "/dev/sda15"), 2, "partition 1 lies behind it"),
        (("+10M", "--lv-expand", "/dev/vg/root"), 2, "no logical volume"),
        (("-1M", "--shrink", "/dev/sda14"), 14, "cannot be shrunk"),
        (("+1M", "--shrink", "/dev/sda1"), 2, "below"),
        (("-1M", "--shrink", "/dev/sda1", "--expand", "auto"), 2, "do not go together"),
        (("+1M", "--delete", "/dev/sda1"), 2, "--output"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    cloud: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    old = digest(cloud)
    ran = imgtools("resize", cloud, *words, "--write", code=code)
    assert said in ran.err
    assert digest(cloud) == old and not beside(cloud)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cloud_disk(tmp_path_factory.mktemp("cloud") / "cloud.raw")


@pytest.mark.parametrize("format", ["vmdk", "vpc", "vhdx", "vdi"])
def test_other_formats_name_the_way_round(tmp_path: Path, format: str) -> None:
    image = tmp_path / f"disk.{format}"
    qemu_img("create", "-q", "-f", format, image, "8M")
    assert "--output" in imgtools("resize", image, "-8M", "--write", code=14).err


@pytest.mark.parametrize("copies", [False, True])
def test_a_truncated_image_or_table_is_not_touched(tmp_path: Path, copies: bool) -> None:
    where = ("--copy", tmp_path / "new.raw") if copies else ()
    cut, damaged = cloud_disk(tmp_path / "cut.qcow2", "qcow2"), cloud_disk(tmp_path / "damaged.raw")
    os.truncate(cut, cut.stat().st_size - 2 * 65536)
    with damaged.open("r+b") as stream:
        stream.seek(-512, os.SEEK_END)
        stream.write(b"nothing!")
    for image, said in ((cut, "truncated"), (damaged, "backup GPT table is corrupt")):
        old = digest(image)
        ran = imgtools("resize", image, "+8M", "--expand", "auto", *where, "--write", code=10)
        assert said in ran.err and len(ran.err.splitlines()) == 2
        assert digest(image) == old and not beside(image)
    assert not (tmp_path / "new.raw").exists()


def test_internal_snapshots_are_a_reason_to_copy(tmp_path: Path) -> None:
    image = cloud_disk(tmp_path / "cloud.qcow2", "qcow2")
    qemu_img("snapshot", "-c", "one", image)
    assert "--output" in imgtools("resize", image, "-8M", "--write", code=14).err


def test_an_image_in_use_stays_as_it_is(cloud: Path) -> None:
    old = digest(cloud)
    argv = ["qemu-io", "-f", "raw", str(cloud)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=0) as user:
        assert user.stdin and user.stdout
        user.stdin.write("read 0 512\n")
        user.stdout.readline()
        imgtools("resize", cloud, "+8M", "--expand", "auto", "--write", code=11)
        user.stdin.close()
    assert digest(cloud) == old and not beside(cloud)


def test_without_room_on_the_host_nothing_begins(cloud: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = digest(cloud)
    monkeypatch.setattr("imgtools.disk.transaction.transaction.free_room", lambda folder: MIB)
    ran = imgtools("resize", cloud, "+60M", "--expand", "auto", "--write", code=16)
    assert "needs about" in ran.err
    assert digest(cloud) == old and not beside(cloud)
    assert new_file.free_room(cloud.parent) > MIB


def test_a_file_that_the_host_cannot_hold_is_found_before(cloud: Path) -> None:
    ran = imgtools("resize", cloud, "7E", "--write", code=16)
    assert "takes no file of" in ran.err and not beside(cloud)


def test_a_logical_partition_takes_the_extended_one_along(tmp_path: Path) -> None:
    inner = ext4_file(tmp_path / "inner", 28672 * 512)
    image = disk_of(tmp_path / "disk.raw", 20 * MIB, LOGICAL, {12288 * 512: inner})
    boot = b"boot code" * 40
    with image.open("r+b") as stream:
        stream.write(boot)
    imgtools("resize", image, "40M", "--expand", "auto", "--write")
    table = table_of(image)
    assert [table[2][name] for name in ("start", "size")] == [10240, 40 * 2048 - 10240]
    size = table[5]["size"] * 512
    assert size == 28 * MIB + 6 * MIB and table[1]["bootable"]
    assert ext4_size(part_of(image, 12288 * 512, size)) == size
    assert image.read_bytes().startswith(boot)
    imgtools("resize", image, "25M", "--shrink", "/dev/sda5", "--write")
    table = table_of(image)
    assert table[2]["start"] + table[2]["size"] == 25 * 2048 == table[5]["start"] + table[5]["size"]
    size = table[5]["size"] * 512
    assert ext4_size(part_of(image, 12288 * 512, size)) == size


def test_swap_is_made_anew_with_its_uuid_and_label(tmp_path: Path) -> None:
    uuid = "11111111-aaaa-bbbb-cccc-222222222222"
    swap = made_file(tmp_path / "swap", 8 * MIB, "mkswap", "-U", uuid, "-L", "pages")
    image = disk_of(
        tmp_path / "d.raw", 10 * MIB, "label: dos\nstart=2048, size=16384, type=82\n", {MIB: swap}
    )
    ran = imgtools("resize", image, "20M", "--expand", "auto", "--write", code=2)
    assert "no partition of the disk has a content that can grow" in ran.err
    imgtools("resize", image, "20M", "--expand", "/dev/sda1", "--write")
    part = part_of(image, MIB, 19 * MIB)
    found = run("blkid", "-p", "-o", "export", part)
    assert f"UUID={uuid}" in found and "LABEL=pages" in found
    last_page = int.from_bytes(part.read_bytes()[1028:1032], "little")  # union swap_header
    assert (last_page + 1) * 4096 == 19 * MIB


@pytest.mark.parametrize(
    ("words", "least", "most"),
    [(("+30M", "--expand", "auto"), 45, 47), (("14M", "--shrink", "sda1"), 11, 13)],
)
def test_ntfs_grows_and_shrinks(tmp_path: Path, words: tuple[str, ...], least: int, most: int) -> None:
    ntfs = made_file(tmp_path / "ntfs", 16 * MIB, "mkfs.ntfs", "-q", "-F", "-f", "-L", "win")
    script = "label: gpt\nstart=2048, size=32768, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n"
    image = disk_of(tmp_path / "d.qcow2", 18 * MIB, script, {MIB: ntfs}, "qcow2")
    imgtools("resize", image, *words, "--write")
    size = table_of(image)[1]["size"] * 512
    told = run("ntfsresize", "--info", "--force", "--no-progress-bar", part_of(image, MIB, size))
    volume = int(next(line for line in told.splitlines() if "Current volume size" in line).split()[3])
    assert least * MIB < volume <= size < most * MIB
    # Windows has to look at it before anyone changes its size again.
    assert "Windows has not let go" in imgtools("resize", image, "13M", "--shrink", "sda1", code=40).err


def test_f2fs_grows_and_never_shrinks(tmp_path: Path) -> None:
    f2fs = made_file(tmp_path / "f2fs", 64 * MIB, "mkfs.f2fs", "-q", "-f")
    script = "label: gpt\nstart=2048, size=131072\n"
    image = disk_of(tmp_path / "d.raw", 66 * MIB, script, {MIB: f2fs})
    assert "f2fs" in imgtools("resize", image, "-8M", "--shrink", "/dev/sda1", code=14).err
    imgtools("resize", image, "100M", "--expand", "auto", "--write")
    part = part_of(image, MIB, table_of(image)[1]["size"] * 512)
    blocks = int.from_bytes(part.read_bytes()[1024 + 36 : 1024 + 44], "little")
    assert blocks * 4096 > 90 * MIB
    run("fsck.f2fs", "--dry-run", "-f", part)


def test_a_disk_without_a_table_is_one_volume(tmp_path: Path) -> None:
    image = ext4_file(tmp_path / "disk.raw", 16 * MIB)
    assert "--shrink /dev/sda" in imgtools("resize", image, "8M", code=17).err
    imgtools("resize", image, "32M", "--expand", "/dev/sda", "--write")
    assert ext4_size(image) == 32 * MIB
    imgtools("resize", image, "12M", "--shrink", "/dev/sda", "--write")
    assert ext4_size(image) == 12 * MIB == image.stat().st_size


def test_a_disk_that_was_grown_already_needs_no_size(tmp_path: Path) -> None:
    image = cloud_disk(tmp_path / "cloud.qcow2", "qcow2")
    qemu_img("resize", "-q", image, "64M")
    imgtools("resize", image, "--expand", "/dev/sda1", "--write")
    size = table_of(image)[1]["size"] * 512
    assert 58 * MIB < size == ext4_size(part_of(image, ROOT_START, size))


def test_alone_the_disk_grows_and_its_table_with_it(tmp_path: Path) -> None:
    image = cloud_disk(tmp_path / "cloud.raw")
    before = table_of(image)
    ran = imgtools("resize", image, "+8M", "--write")
    assert "no partition grows" in ran.err
    assert table_of(image) == before and image.stat().st_size == 48 * MIB
    assert ext4_size(part_of(image, ROOT_START, ROOT_SIZE)) == ROOT_SIZE


def test_only_the_top_of_a_chain_is_written(tmp_path: Path) -> None:
    """And where it was shorter than its base, nothing of the base comes to light."""
    content = random_bytes(4 * MIB)
    base = image_of(content, tmp_path / "base.raw")
    top = tmp_path / "top.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", top, "2M")
    imgtools("resize", top, "6M", "--write")
    assert base.read_bytes() == content
    assert content_of(top, "qcow2") == content[: 2 * MIB] + bytes(4 * MIB)


def test_a_locked_container_asks_for_its_key_before_anything_boots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,) = copy_fixture("luks2", tmp_path)
    monkeypatch.setattr("imgtools.engine.appliance.launch.launch_appliance", None)
    old = digest(image)
    ran = imgtools("resize", image, "+200M", "--lv-expand", "/dev/vg_crypt/root", "--write", code=23)
    assert "--key /dev/sda2:file:PATH" in ran.err
    assert digest(image) == old and not beside(image)


def test_internal_snapshots_stay_when_the_disk_grows(tmp_path: Path) -> None:
    image = tmp_path / "d.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", image, "8M")
    qemu_io("-c", "write -P 1 0 1M", image)
    qemu_img("snapshot", "-c", "one", image)
    qemu_io("-c", "write -P 2 0 1M", image)
    imgtools("resize", "--write", image, "16M")
    assert imgtools("info", "--json", image).data["disks"][0]["snapshots"][0]["virtual_size"] == 8 << 20
    imgtools("check", image)
    qemu_io("-c", "read -P 2 0 1M", image)
    assert "no image with snapshots" in imgtools("resize", "--write", image, "4M", code=14).err
    imgtools("snapshot", "apply", "--write", image, "one")
    qemu_io("-c", "read -P 1 0 1M", image)
    old = tmp_path / "v2.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-o", "compat=0.10", old, "8M")
    qemu_img("snapshot", "-c", "one", old)
    assert "compat=1.1" in imgtools("resize", "--write", old, "16M", code=14).err


def qemu_io(*words: str | Path) -> None:
    done = subprocess.run(["qemu-io", *map(str, words)], check=True, capture_output=True, text=True)
    assert "verification failed" not in done.stdout


# -- changes to files in the same transaction -----------------------------------------------------------------


def ntfs_disk(tmp_path: Path) -> Path:
    ntfs = made_file(tmp_path / "ntfs", 16 * MIB, "mkfs.ntfs", "-q", "-F", "-f", "-L", "win")
    return disk_of(
        tmp_path / "d.qcow2", 18 * MIB, "label: dos\nstart=2048, size=32768, type=7\n", {MIB: ntfs}, "qcow2"
    )


def test_ntfs_is_said_to_wait_for_chkdsk_before_it_does(tmp_path: Path) -> None:
    shown = imgtools("resize", ntfs_disk(tmp_path), "34M", "--expand", "auto", "--json")
    said = [one for one in shown.json["warnings"] if one["path"] == "/dev/sda1"]
    assert len(said) == 1 and "chkdsk" in said[0]["text"] and "--plan" in said[0]["text"]
    copied = imgtools(
        "resize", tmp_path / "d.qcow2", "34M", "--expand", "auto", "-n", "--output", tmp_path / "n.raw"
    )
    assert "chkdsk" in copied.err and "make changes before" in copied.err


def test_plan_and_new_size_are_one_transaction(tmp_path: Path) -> None:
    image, plan = ntfs_disk(tmp_path), tmp_path / "plan.yaml"
    plan.write_text('- {kind: write-file, path: /unattend.xml, content: "<unattend/>"}\n')
    words = ("resize", image, "34M", "--expand", "auto", "--plan", plan, "-m", "/dev/sda1")
    shown = imgtools(*words, "--json").data
    assert [one["path"] for one in shown["edits"]] == ["/unattend.xml"] and not shown["written"]
    assert imgtools("ls", image, "-m", "/dev/sda1").out == ""
    done = imgtools(*words, "--write", "--json").data
    assert done["written"] and [step["kind"] for step in done["changes"]][-1] == "grow-content"
    part = part_of(image, MIB, table_of(image)[1]["size"] * 512)
    assert run("ntfscat", "-f", part, "unattend.xml") == "<unattend/>"
    told = run("ntfsresize", "--info", "--force", "--no-progress-bar", part)
    assert int(told.split("Current volume size: ")[1].split()[0]) > 32 * MIB


def test_plan_that_fails_leaves_the_size_alone(tmp_path: Path) -> None:
    image, plan = ntfs_disk(tmp_path), tmp_path / "plan.yaml"
    plan.write_text("- {kind: remove, path: /not-there}\n")
    before = image.read_bytes()
    words = ("resize", image, "34M", "--expand", "auto", "--plan", plan, "-m", "/dev/sda1", "--write")
    assert imgtools(*words, code=None).code >= 20
    assert image.read_bytes() == before and virtual_size(image) == 18 * MIB


def test_plan_for_a_new_image_says_which_way_round(tmp_path: Path) -> None:
    image, plan = ntfs_disk(tmp_path), tmp_path / "plan.yaml"
    plan.write_text("[]\n")
    ran = imgtools("resize", image, "34M", "--plan", plan, "--output", tmp_path / "n.raw", code=2)
    assert "imgtools apply IMAGE PLAN --output" in ran.err


def test_bigalloc_is_refused_in_a_whole_sentence_before_anything_is_done(tmp_path: Path) -> None:
    part = made_file(
        tmp_path / "part", 32 * MIB, "mke2fs", "-q", "-F", "-t", "ext4", "-O", "bigalloc", "-C", "16384"
    )
    image = disk_of(
        tmp_path / "d.raw", 40 * MIB, "label: dos\nstart=2048, size=65536, type=83\n", {MIB: part}
    )
    for words in ((), ("--write",), ("--output", tmp_path / "new.raw")):
        ran = imgtools("resize", image, "+60M", "--expand", "auto", *words, code=14)
        says, hint = ran.err.strip().splitlines()
        assert says.endswith("bigalloc is not resized: resize2fs has not been tested with it, and says so")
        assert "in the guest while it is mounted" in hint
    assert not (tmp_path / "new.raw").exists()
