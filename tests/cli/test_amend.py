"""imgtools amend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, content_of, image_of, qemu_img, random_bytes

CONTENT = random_bytes(2 * MIB)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")


def test_version_and_features(image: Path) -> None:
    before = image.read_bytes()
    assert "set compat to 0.10 (now 1.1)" in imgtools("amend", "-o", "compat=0.10", image).out
    assert image.read_bytes() == before
    imgtools("amend", "-o", "compat=0.10", "--write", image)
    imgtools("amend", "-o", "compat=1.1", "-o", "lazy_refcounts=on", "--write", image)
    assert "lazy refcounts: true" in qemu_img("info", image)
    assert content_of(image) == CONTENT
    qemu_img("check", image)


def test_smaller_size_needs_shrink(image: Path) -> None:
    ran = imgtools("amend", "-o", "size=1M", "--write", image, code=17)
    assert "would be lost" in ran.err and "imgtools resize" in ran.err
    assert content_of(image) == CONTENT
    imgtools("amend", "-o", "size=3M", "--write", image)
    assert content_of(image) == CONTENT + bytes(MIB)
    imgtools("amend", "-o", "size=1M", "--shrink", "--write", image)
    assert content_of(image) == CONTENT[:MIB]


@pytest.mark.parametrize(
    "option",
    [
        *("compatt=1.1", "backing_file=x", "data_file=x", "size=many", "size=3000001", "size=99E", "compat"),
        *("compat=2", "lazy_refcounts=maybe", "refcount_bits=few", "refcount_bits=7"),
    ],
)
def test_option_that_is_none(image: Path, option: str) -> None:
    imgtools("amend", "-o", option, image, code=2)
    imgtools("amend", "-o", option, "--write", image, code=2)


def test_failed_amend_leaves_the_image(image: Path) -> None:
    qemu_img("snapshot", "-c", "one", image)
    qemu_img("resize", "-q", "-f", "qcow2", image, "4M")  # a version 0.10 cannot say that they differ
    before = image.read_bytes()
    assert "prevent downgrade" in imgtools("amend", "-o", "compat=0.10", "--write", image, code=30).err
    assert image.read_bytes() == before
    assert [path.name for path in image.parent.iterdir()] == [image.name]


@pytest.mark.parametrize("format", ["raw", "vmdk", "vdi", "vpc", "vhdx"])
def test_format_without_amendments(tmp_path: Path, format: str) -> None:
    image = image_of(CONTENT, tmp_path / "d", format)
    assert "has no amendments" in imgtools("amend", "-o", "size=9M", "--format", format, image, code=14).err


@pytest.mark.parametrize("name", ["d.qcow2", "d.luks"])
def test_passphrases_come_and_go(tmp_path: Path, name: str) -> None:
    image, old, new = tmp_path / name, tmp_path / "old", tmp_path / "new"
    old.write_text("swordfish")
    new.write_text("perch")
    fast = "iter-time=10" if name.endswith("luks") else "encrypt.iter-time=10"
    imgtools("create", image, "1M", "--secret", f"file:{old}", "-o", fast)
    keys = ("--key", f"image:file:{old}")
    imgtools("amend", "--new-secret", f"file:{new}", image, code=23)
    imgtools("amend", *keys, "--new-secret", f"file:{new}", "-o", fast, "--write", image)
    for secret in (old, new):
        imgtools("convert", "--key", f"image:file:{secret}", image, tmp_path / f"{secret.name}.raw")
    imgtools("amend", "--key", f"image:file:{new}", "--old-secret", f"file:{old}", "--write", image)
    imgtools("convert", *keys, image, tmp_path / "x.raw", code=23)
    imgtools("convert", "--key", f"image:file:{new}", image, tmp_path / "y.raw")


def test_plan_knows_what_qemu_would_refuse(image: Path) -> None:
    before = image.read_bytes()
    imgtools("amend", "-o", "refcount_bits=8", "--write", image)
    assert "refcount_bits=16" in imgtools("amend", "-o", "compat=0.10", image, code=30).err
    assert image.read_bytes() != before and content_of(image) == CONTENT
    assert [path.name for path in image.parent.iterdir()] == [image.name]


def test_size_of_a_disk_in_a_data_file(tmp_path: Path) -> None:
    image, data = tmp_path / "d.qcow2", tmp_path / "d.data"
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={data},data_file_raw=on", image, "2M")
    data.write_bytes(CONTENT)
    for words in ((), ("--write",)):
        imgtools("amend", "-o", "size=1M", "--shrink", *words, image, code=14)
        imgtools("amend", "-o", "lazy_refcounts=on", *words, image)
    assert data.read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["d.qcow2", "d.luks"])
def test_passphrase_that_is_wrong_taken_or_the_last(tmp_path: Path, name: str) -> None:
    image, old, new = tmp_path / name, tmp_path / "old", tmp_path / "new"
    old.write_text("swordfish")
    new.write_text("perch")
    start = "" if name.endswith("luks") else "encrypt."
    imgtools("create", image, "1M", "--secret", f"file:{old}", "-o", f"{start}iter-time=10")
    key, fast = ("--key", f"image:file:{old}"), ("-o", f"{start}iter-time=10")
    add, take = ("--new-secret", f"file:{new}"), ("--old-secret", f"file:{old}")
    imgtools("amend", "--key", f"image:file:{new}", *add, *fast, image, code=23)
    assert "taken" in imgtools("amend", *key, *add, *fast, "-o", f"{start}keyslot=0", image, code=2).err
    imgtools("amend", *key, "--old-secret", f"file:{new}", image, code=23)
    assert "last passphrase" in imgtools("amend", *key, *take, "--write", image, code=17).err
    imgtools("convert", *key, image, tmp_path / "x.raw")
    imgtools("amend", *key, *add, *fast, "--write", image)
    imgtools("amend", *key, *take, "--write", image)  # the very key that has opened it
    imgtools(
        "amend", "--key", f"image:file:{new}", "--old-secret", f"file:{new}", "--force", "--write", image
    )
    imgtools("convert", "--key", f"image:file:{new}", image, tmp_path / "y.raw", code=23)


def test_progress_is_told(image: Path) -> None:
    ran = imgtools("amend", "-o", "compat=0.10", "--write", "--progress", "json", image)
    steps = [json.loads(line)["progress"] for line in ran.err.splitlines()]
    assert steps and all(one["stage"] == "amend" for one in steps)
    assert steps[-1]["done"] == steps[-1]["total"]
