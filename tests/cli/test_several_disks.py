"""A guest of several disks as a new one: a folder with an image of each, which is there as a whole or not at all."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import qemu_img
from tests.support.domains import disk_xml, domain_xml
from tests.support.fixtures import copy_fixture
from tests.support.sources import ova

CHANGE = ("-e", "s/^/new-/")
ROOT = ("-m", "/dev/vg_multi/root")


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Two disks, on which one volume group has its root. No test writes to them."""
    return copy_fixture("multidisk", tmp_path_factory.mktemp("disks"))


def digests(disks: tuple[Path, ...]) -> list[str]:
    return [hashlib.sha256(one.read_bytes()).hexdigest() for one in disks]


def hostname(*words: str | Path) -> str:
    return imgtools("cat", *words, "/etc/hostname").out


def test_an_edit_of_several_images_makes_a_folder_of_them(disks: tuple[Path, ...], tmp_path: Path) -> None:
    before, new = digests(disks), tmp_path / "new"
    words = ("edit", disks[0], "-a", disks[1], "/etc/hostname", *CHANGE, "--output", new)
    plan = imgtools(*words, "--dry-run", code=2)
    assert "--dry-run" in plan.err
    ran = imgtools(*words, "-O", "qcow2", "--compress", "--json")
    assert ran.data["output"] == str(new) and ran.data["written"]
    names = [f"{one.stem}.qcow2" for one in disks]
    assert sorted(one.name for one in new.iterdir()) == sorted(names)
    assert hostname(new / names[0], "-a", new / names[1]) == f"new-{hostname(disks[0], '-a', disks[1])}"
    assert digests(disks) == before and [one.name for one in tmp_path.iterdir()] == ["new"]
    for one in new.iterdir():
        qemu_img("check", one)
    assert "the name of one image" not in imgtools(*words, code=15).err


def test_so_does_a_domain(disks: tuple[Path, ...], tmp_path: Path) -> None:
    xml = tmp_path / "multi.xml"
    xml.write_text(domain_xml("multi", disk_xml(disks[0], "vda"), disk_xml(disks[1], "vdb"), state=""))
    (tmp_path / "new").mkdir()
    words = ("customize", "--domain-xml", xml, "--hostname", "web9", "--output", f"{tmp_path / 'new'}/")
    imgtools(*words, "-O", "raw")
    images = [tmp_path / "new" / f"{one.stem}.raw" for one in disks]
    assert hostname(images[0], "-a", images[1]) == "web9\n"


def test_so_does_an_ova(disks: tuple[Path, ...], tmp_path: Path) -> None:
    packed = {}
    for number, one in enumerate(disks, 1):
        made = tmp_path / "one.vmdk"
        options = ["-O", "vmdk", "-o", "subformat=streamOptimized"]
        subprocess.run(["qemu-img", "convert", *options, one, made], check=True)
        packed[f"box-disk{number}.vmdk"] = made.read_bytes()
    guest = ova(tmp_path / "guest.ova", packed)
    words = ("edit", guest, "/etc/hostname", *CHANGE)
    assert "--output" in imgtools(*words, "--write", code=14).err
    imgtools(*words, "--output", tmp_path / "new", "-O", "qcow2")
    images = [tmp_path / "new" / f"box-disk{number}.qcow2" for number in (1, 2)]
    assert hostname(images[0], "-a", images[1]).startswith("new-")


@pytest.mark.parametrize(
    ("target", "more", "code", "said"),
    [
        ("new.qcow2", (), 2, "the name of one image"),
        ("new", ("--overwrite",), 2, "into a new folder"),
        ("full", (), 15, "is there already"),
        ("file", (), 15, "is there already"),
        ("no/such", (), 3, "no such folder"),
        ("new", ("-O", "dmg"), 14, "QEMU does not write dmg"),
        ("new", ("-O", "raw", "--compress"), 2, "cannot be compressed"),
    ],
)
def test_what_is_refused_leaves_nothing(
    disks: tuple[Path, ...], tmp_path: Path, target: str, more: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    words = ("edit", disks[0], "-a", disks[1], "/etc/hostname", *CHANGE, "--output", tmp_path / target)
    assert said in imgtools(*words, *more, code=code).err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_change_that_fails_leaves_nothing(disks: tuple[Path, ...], tmp_path: Path) -> None:
    words = ("edit", disks[0], "-a", disks[1], "/no/such", *CHANGE, "--output", tmp_path / "new")
    imgtools(*words, code=25)
    assert list(tmp_path.iterdir()) == []


def test_what_is_about_one_disk_says_which_there_are(tmp_path: Path) -> None:
    guest = ova(tmp_path / "guest.ova", {"a.raw": bytes(1 << 20), "b.raw": bytes(1 << 20)})
    for words in (
        ("convert", guest, tmp_path / "x.qcow2"),
        ("resize", guest, "2G", "--output", tmp_path / "x"),
    ):
        ran = imgtools(*words, code=2)
        assert f"{guest}/a.raw, {guest}/b.raw" in ran.err
