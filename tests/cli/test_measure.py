"""imgtools measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import FORMATS, MIB, image_of, qemu_img, sparse_content


@pytest.mark.parametrize("format", FORMATS)
def test_it_is_what_a_conversion_takes(tmp_path: Path, format: str) -> None:
    source = image_of(sparse_content(), tmp_path / "d.qcow2", "qcow2")
    told = imgtools("measure", "--json", source, "-O", format).data
    made = image_of(sparse_content(), tmp_path / "made", format).stat().st_size
    assert told["estimated"] == (format not in ("raw", "qcow2"))
    assert abs(told["required"] - made) <= max(made // 50, 8192)
    assert told["fully_allocated"] >= 8 * MIB


SHAPES = {
    "vmdk": ("subformat=monolithicFlat", "subformat=twoGbMaxExtentFlat", "subformat=twoGbMaxExtentSparse"),
    "vdi": ("static=on",),
    "vpc": ("subformat=fixed",),
    "vhdx": ("subformat=fixed", "block_size=1M", "log_size=4M", "subformat=fixed,block_size=2M"),
    "qed": ("cluster_size=4K", "cluster_size=16K,table_size=2"),
    "parallels": ("cluster_size=64K",),
}


@pytest.mark.parametrize(("format", "option"), [(name, one) for name, some in SHAPES.items() for one in some])
def test_shape_of_the_format_counts(tmp_path: Path, format: str, option: str) -> None:
    source = image_of(sparse_content(), tmp_path / "d.qcow2", "qcow2")
    told = imgtools("measure", "--json", source, "-O", format, "-o", option).data
    (tmp_path / "made").mkdir()
    image_of(sparse_content(), tmp_path / "made/made", format, ("-o", option))
    made = sum(path.stat().st_size for path in (tmp_path / "made").iterdir())
    assert abs(told["required"] - made) <= max(made // 50, 8192)


def test_snapshot_and_key_for_every_format(tmp_path: Path) -> None:
    secret, image = tmp_path / "secret", tmp_path / "d.qcow2"
    secret.write_text("swordfish")
    key = ("--key", f"image:file:{secret}")
    imgtools("create", image, "8M", "--secret", f"file:{secret}", "-o", "encrypt.iter-time=10")
    imgtools("snapshot", "create", *key, "--write", image, "empty")
    data = image_of(sparse_content()[:MIB], tmp_path / "data")
    imgtools("dd", *key, "--write", data, image)
    for format in FORMATS:
        now = imgtools("measure", *key, "--json", image, "-O", format).data
        then = imgtools("measure", *key, "--json", "--snapshot", "empty", image, "-O", format).data
        assert now["virtual_size"] == then["virtual_size"] == 8 * MIB
        if format != "raw":
            assert now["required"] >= then["required"] + MIB
    imgtools("measure", image, code=23)


@pytest.mark.parametrize(
    "words",
    [
        ("--size", "many"),
        ("--size", "9999999E"),
        ("--size", "1G", "-o", "cluster_size=many"),
        ("--size", "1G", "-O", "vmdk", "-o", "subformat=flat"),
        ("--size", "1G", "-O", "vhdx", "-o", "block_size=x"),
        ("--size", "1G", "-O", "foo"),
    ],
)
def test_what_does_not_parse(words: tuple[str, ...]) -> None:
    imgtools("measure", *words, code=2)


def test_size_without_an_image(tmp_path: Path) -> None:
    told = imgtools("measure", "--size", "100G", "--json").data
    assert told["required"] < 100 * MIB < told["fully_allocated"]
    imgtools("measure", code=2)
    imgtools("measure", "--size", "1G", tmp_path / "x", code=2)


def test_options_count(tmp_path: Path) -> None:
    words = ("measure", "--size", "10G", "--json", "-O", "qcow2", "-o")
    small = imgtools(*words, "cluster_size=512").data["fully_allocated"]
    assert small > imgtools(*words, "cluster_size=2M").data["fully_allocated"]
    assert "did you mean" in imgtools(*words, "clustersize=2M", code=2).err


def test_snapshot(tmp_path: Path) -> None:
    image = image_of(sparse_content(), tmp_path / "d.qcow2", "qcow2")
    qemu_img("snapshot", "-c", "one", image)
    qemu_img("resize", "-f", "qcow2", "-q", image, "64M")
    told = imgtools("measure", "--snapshot", "one", image, "-O", "vdi", "--json").data
    assert (told["virtual_size"], told["required"] < 4 * MIB) == (8 * MIB, True)
    assert imgtools("measure", "--snapshot", "one", image, "-O", "qcow2", "--json").data["required"] < 4 * MIB
