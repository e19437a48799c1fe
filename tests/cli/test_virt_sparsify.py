"""imgtools virt virt-sparsify: the peer's options and words, in place and by a copy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.command import Ran, imgtools
from tests.support.disks import MIB, qemu_img
from tests.support.sparse import JUNK, digests, disk_with
from tests.support.volumes import blank, tool

GIVEN = "Sparsify in-place operation completed with no errors"


def sparsify(*words: str | Path, code: int = 0) -> Ran:
    return imgtools("virt", "virt-sparsify", *words, code=code)


def said(ran: Ran) -> list[str]:
    """What was said, without its times."""
    return [re.sub(r"^\[ *\d+\.\d\] ", "", line) for line in ran.out.splitlines()]


def taken(path: Path) -> int:
    return path.stat().st_blocks * 512


@pytest.fixture(scope="module")
def ext4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return disk_with(tmp_path_factory.mktemp("ext4"), "ext4")


@pytest.fixture
def disk(ext4: Path, tmp_path: Path) -> Path:
    tool("cp", "--sparse=always", ext4, tmp_path / "d.img")
    return tmp_path / "d.img"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "two disks are wanted"),
        (("a",), "two disks are wanted"),
        (("a", "b", "c"), "two disks are wanted"),
        (("a", "a"), "you cannot use the same disk image for input and output"),
        (("--in-place", "a", "b"), "one disk is wanted"),
        (("--in-place", "--compress", "a"), "you cannot use --in-place and --compress options together"),
        (("--inplace", "--tmp", "/tmp", "a"), "you cannot use --in-place and --tmp options together"),
        (("--check-tmpdir", "perhaps", "a", "b"), "--check-tmpdir: unknown argument 'perhaps'"),
        (("--format", "raw", "--compress", "a", "b"), "--compress cannot be used for raw output"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], says: str) -> None:
    assert sparsify(*words, code=1).err.splitlines()[0] == f"virt-sparsify: {says}"


def test_in_place(disk: Path) -> None:
    before, files = taken(disk), digests(disk)
    ran = sparsify("--in-place", "--format", "raw", disk)
    assert said(ran) == ["Trimming /dev/sda1", GIVEN]
    assert before - taken(disk) >= JUNK * 9 // 10 and digests(disk) == files
    assert sparsify("--in-place", "-q", disk).out == ""


def test_ignored_it_stays(disk: Path) -> None:
    before = taken(disk)
    ran = sparsify("--in-place", "--ignore", "/dev/sda1", disk)
    assert said(ran) == [GIVEN] and "warning" not in ran.err
    assert taken(disk) == before


def test_what_cannot_be_given_back_is_exit_code_3(disk: Path, tmp_path: Path) -> None:
    """A script takes that for "copy it instead"."""
    vmdk = tmp_path / "d.vmdk"
    qemu_img("convert", "-O", "vmdk", disk, vmdk)
    before = vmdk.read_bytes()
    assert "vmdk" in sparsify("--in-place", vmdk, code=3).err
    assert vmdk.read_bytes() == before


def test_what_nobody_knows_is_warned_of_unless_it_is_ignored(tmp_path: Path) -> None:
    odd = blank(tmp_path / "d.img", 4 * MIB)
    tool("mkfs.minix", odd)
    assert re.search("warning: fstrim .* on /dev/sda:", sparsify("--in-place", odd).err)
    assert "warning" not in sparsify("--in-place", "--ignore", "/dev/sda", odd).err


def test_a_copy_has_the_format_of_its_source(disk: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "s.qcow2", tmp_path / "t.any"
    qemu_img("convert", "-f", "raw", "-O", "qcow2", disk, source)
    target.write_text("old")
    before = source.read_bytes()
    ran = sparsify(source, target)
    assert said(ran)[:3] == [
        "Examine source disk",
        "Fill free space in /dev/sda1 with zero",
        "Sparsify operation completed with no errors.",
    ]
    assert json.loads(qemu_img("info", "--output=json", target))["format"] == "qcow2"
    assert digests(target) == digests(source)
    assert taken(source) - taken(target) >= JUNK // 2 and source.read_bytes() == before


def test_a_copy_of_another_format_with_options(disk: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.qcow2"
    words = (
        "--tmp",
        tmp_path,
        "--check-tmpdir=fail",
        "--convert",
        "qcow2",
        "-o",
        "compat=0.10",
        "--compress",
    )
    sparsify("-q", *words, disk, target)
    info = json.loads(qemu_img("info", "--output=json", target))
    assert info["format-specific"]["data"]["compat"] == "0.10"
    assert json.loads(qemu_img("check", "--output=json", target))["compressed-clusters"]
    assert digests(target) == digests(disk)


def test_a_filesystem_can_be_emptied(disk: Path) -> None:
    assert said(sparsify("--in-place", "--zero", "/dev/sda1", disk)) == ["Zeroing /dev/sda1", GIVEN]
    (volume,) = imgtools("filesystems", "--json", disk).data["filesystems"]
    assert volume["content"] == ""
