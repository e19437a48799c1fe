"""imgtools wipe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgtools.disk import new_file, wiping
from imgtools.disk.wiping import ALGORITHMS
from tests.support.command import imgtools
from tests.support.disks import MIB, image_of, make_chain, qemu_img, random_bytes

CONTENT = random_bytes(MIB)
# What the file holds at the end, where that is one pattern; and how often it is written.
LAST = {"zero": 0x00, "nnsa": 0x00, "dod": 0xFF, "bsi": 0x7F}
PASSES = {
    "zero": 1,
    "random": 1,
    "nnsa": 3,
    "dod": 3,
    "bsi": 9,
    "gutmann": 35,
    "schneier": 7,
    "pfitzner7": 7,
    "pfitzner33": 33,
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_byte_is_overwritten_as_often_as_said(
    tmp_path: Path, algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = image_of(CONTENT, tmp_path / "d.raw")
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.pread(descriptor, 16, MIB - 16)))
    told = imgtools("wipe", "--algorithm", algorithm, "--write", "--json", image).data
    assert len(told["passes"]) == len(synced) == PASSES[algorithm]
    after = image.read_bytes()
    assert len(after) == MIB and after != CONTENT
    if algorithm in LAST:
        assert set(after) == {LAST[algorithm]}
    else:
        assert len(set(after)) == 256


def test_passes_are_those_of_the_guide() -> None:
    def spell(algorithm: str) -> list[str]:
        return [one.pattern.hex() or "random" for one in ALGORITHMS[algorithm]]

    assert spell("nnsa") == ["random", "random", "00"] and ALGORITHMS["nnsa"][-1].verify
    assert spell("dod") == ["random", "00", "ff"] and ALGORITHMS["dod"][-1].verify
    assert spell("bsi") == ["ff", "fe", "fd", "fb", "f7", "ef", "df", "bf", "7f"]
    assert spell("schneier") == ["00", "ff", *["random"] * 5]
    assert spell("gutmann")[4:9] == ["55", "aa", "924924", "492492", "249249"]


def test_plan_only_and_remove(tmp_path: Path) -> None:
    image = image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")
    before = image.read_bytes()
    ran = imgtools("wipe", image)
    assert image.read_bytes() == before
    assert "backups" in ran.err
    imgtools("wipe", "--remove", "--write", image)
    assert not list(tmp_path.iterdir())


def test_extents_go_too_and_backing_files_do_not(tmp_path: Path) -> None:
    image = tmp_path / "d.vmdk"
    qemu_img("create", "-q", "-f", "vmdk", "-o", "subformat=twoGbMaxExtentFlat", image, "1M")
    (tmp_path / "d-f001.vmdk").write_bytes(CONTENT)
    imgtools("wipe", "--write", image)
    assert set((tmp_path / "d-f001.vmdk").read_bytes()) == {0}
    chain = make_chain(tmp_path)
    base = chain.base.read_bytes()
    imgtools("wipe", "--write", "--remove", chain.top)
    assert chain.base.read_bytes() == base


def test_base_of_other_images_is_kept(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    before = chain.base.read_bytes()
    assert "stands on" in imgtools("wipe", "--write", chain.base, code=17).err
    assert chain.base.read_bytes() == before


def test_holes_are_filled(tmp_path: Path) -> None:
    image = tmp_path / "sparse.raw"
    image.touch()
    os.truncate(image, 2 * MIB)
    imgtools("wipe", "--algorithm", "random", "--write", image)
    assert image.stat().st_blocks * 512 >= 2 * MIB


def test_pass_that_does_not_read_back_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = image_of(CONTENT, tmp_path / "d.raw")
    monkeypatch.setattr(os, "pread", lambda descriptor, length, offset: b"\x01" * length)
    assert "read back" in imgtools("wipe", "--algorithm", "dod", "--write", image, code=30).err


@pytest.mark.parametrize(
    ("kind", "rotational", "words"),
    [
        ("btrfs", True, "new places"),
        ("ext4", False, "SSD"),
        ("nfs4", None, "elsewhere"),
        ("zfs", None, "zfs"),
    ],
)
def test_it_is_honest_about_where_the_file_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, rotational: bool | None, words: str
) -> None:
    monkeypatch.setattr(wiping, "filesystem_of", lambda path: kind)
    monkeypatch.setattr(wiping, "_rotational", lambda path: rotational)
    image = image_of(CONTENT, tmp_path / "d.raw")
    assert any(words in one["text"] for one in imgtools("wipe", "--json", image).json["warnings"])


def test_unknown_algorithm_and_missing_file(tmp_path: Path) -> None:
    imgtools("wipe", "--algorithm", "magic", tmp_path / "x", code=2)
    imgtools("wipe", tmp_path / "x", code=3)


def flat_vmdk(folder: Path) -> tuple[Path, Path]:
    """A vmdk that is a text naming one extent, and that extent."""
    image, extent = folder / "d.vmdk", folder / "d-flat.vmdk"
    qemu_img("create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", image, "1M")
    extent.write_bytes(CONTENT)
    return image, extent


@pytest.mark.parametrize("number", [1, 2])
def test_cut_wipe_says_so_and_finds_all_files_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    image, extent = flat_vmdk(tmp_path)
    whole, written = wiping._write_pass, []

    def cut(descriptor: int, one: wiping.Pass, length: int) -> Iterator[int]:
        written.append(length)
        if len(written) == number:
            raise KeyboardInterrupt
        yield from whole(descriptor, one, length)

    with monkeypatch.context() as patch:
        patch.setattr(wiping, "_write_pass", cut)
        imgtools("wipe", "--write", "--remove", image, code=130)
    assert "wipe it again" in caplog.text
    imgtools("wipe", "--write", image)
    assert set(extent.read_bytes()) == set(image.read_bytes()) == {0}


def test_extent_that_lies_elsewhere_is_not_forgotten(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    image, extent = flat_vmdk(tmp_path / "below")
    elsewhere = extent.rename(tmp_path / extent.name)
    ran = imgtools("wipe", image)
    assert "only this file is wiped" in ran.err and extent.name in ran.err
    image.write_bytes(image.read_bytes().replace(b'"d-flat', b'"../d-flat'))
    ran = imgtools("wipe", "--write", "--remove", image, code=12)
    assert "../d-flat.vmdk" in ran.err and image.exists()
    assert "only this file is wiped" in imgtools("wipe", "--write", "--force", "--remove", image).err
    assert elsewhere.read_bytes() == CONTENT and not image.exists()


def test_link_and_the_file_it_leads_to_are_removed(tmp_path: Path) -> None:
    image_of(CONTENT, tmp_path / "d.raw")
    link = tmp_path / "link"
    link.symlink_to("d.raw")
    imgtools("wipe", "--write", "--remove", link)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_edit_left_is_wiped_too(tmp_path: Path) -> None:
    image = image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")
    overlay = image_of(CONTENT, tmp_path / "d.qcow2.imgtools-overlay", "qcow2")
    imgtools("wipe", "--write", image)
    assert set(overlay.read_bytes()) == {0}
    imgtools("wipe", "--write", "--remove", image)
    assert not list(tmp_path.iterdir())


def test_no_room_for_holes_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "sparse.raw"
    image.touch()
    os.truncate(image, 2 * MIB)
    monkeypatch.setattr(new_file, "free_room", lambda folder: MIB)
    assert "filling the holes" in imgtools("wipe", image, code=16).err
    imgtools("wipe", "--write", image, code=16)
    assert image.stat().st_blocks == 0
