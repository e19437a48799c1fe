"""imgtools convert."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgtools.disk import new_file
from imgtools.engine.qemu.img import commands
from imgtools.engine.qemu.img.commands import Compared
from tests.support.command import imgtools
from tests.support.disks import (
    FORMATS,
    MIB,
    SUFFIX,
    content_of,
    image_of,
    make_chain,
    patch_image,
    qemu_img,
    random_bytes,
    sparse_content,
)

CONTENT = sparse_content()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """One image of each format, all with the same content."""
    folder = tmp_path_factory.mktemp("images")
    yield {
        format: image_of(CONTENT, folder / f"disk.{SUFFIX.get(format, format)}", format) for format in FORMATS
    }


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_every_format_into_every_other(
    images: dict[str, Path], tmp_path: Path, source: str, target: str
) -> None:
    made = tmp_path / f"new.{SUFFIX.get(target, target)}"
    report = imgtools("convert", "--json", images[source], made).data
    assert (report["format"], report["virtual_size"]) == (target, len(CONTENT))
    assert content_of(made, target) == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == [made.name]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("d.qcow2", ("--compress", "zlib")),
        ("d.qcow2", ("--compress", "zstd")),
        ("d.vmdk", ("--compress", "zlib")),
        ("d.vmdk", ("-o", "subformat=streamOptimized")),
        ("d.vmdk", ("-o", "subformat=twoGbMaxExtentSparse")),
        ("d.vhd", ("-o", "subformat=fixed")),
        ("d.qcow2", ("-o", "extended_l2=on,cluster_size=128K", "--jobs", "16")),
        ("d.qcow2", ("--preallocation", "metadata")),
        ("d.raw", ("--sparse", "off")),
        ("d.raw", ("--sparse", "64K", "--rate", "1G")),
    ],
)
def test_options_and_verify(
    images: dict[str, Path], tmp_path: Path, name: str, words: tuple[str, ...]
) -> None:
    made = tmp_path / name
    report = imgtools("convert", "--verify", "--json", *words, images["qcow2"], made).data
    assert report["verified"] and content_of(made, report["format"]) == CONTENT
    if "off" in words:
        assert report["actual_size"] >= len(CONTENT)


def test_chain_becomes_one_image(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    imgtools("convert", chain.top, tmp_path / "alone.raw")
    assert (tmp_path / "alone.raw").read_bytes() == chain.content


def test_overlay_stays_one_with_target_backing(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    made = tmp_path / "new.qcow2"
    words = ("--target-backing", chain.middle, "--target-backing-format", "qcow2")
    imgtools("convert", *words, chain.top, made)
    assert content_of(made) == chain.content
    assert made.stat().st_size < 2 * MIB
    assert "backing file: middle.qcow2" in qemu_img("info", made)
    imgtools("convert", *words, "--force", chain.base, made, code=2)


@pytest.mark.parametrize("wanted", ["before", "1"])
def test_snapshot_instead_of_the_present(tmp_path: Path, wanted: str) -> None:
    image = image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")
    qemu_img("snapshot", "-c", "before", image)
    patch_image(image, 0, random_bytes(MIB, 9))
    imgtools("convert", "--verify", "--snapshot", wanted, image, tmp_path / "old.raw")
    assert (tmp_path / "old.raw").read_bytes() == CONTENT
    assert "it has: before" in imgtools("convert", "--snapshot", "x", image, tmp_path / "n", code=2).err


def test_source_is_never_changed(images: dict[str, Path], tmp_path: Path) -> None:
    for image in images.values():
        before = image.read_bytes(), image.stat().st_mtime_ns
        imgtools("convert", image, tmp_path / "new.qcow2", "--force")
        assert (image.read_bytes(), image.stat().st_mtime_ns) == before


def test_target_that_exists_is_kept(images: dict[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "d.raw"
    target.write_text("precious")
    imgtools("convert", images["qcow2"], target, code=15)
    assert target.read_text() == "precious"
    imgtools("convert", images["qcow2"], images["qcow2"], "--force", code=2)
    link = tmp_path / "link.raw"
    link.symlink_to(target)
    imgtools("convert", "--force", images["qcow2"], link)
    assert link.is_symlink() and target.read_bytes() == CONTENT


def test_truncated_source_is_refused_not_filled_with_zeros(images: dict[str, Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut.qcow2"
    cut.write_bytes(images["qcow2"].read_bytes()[: MIB + 123])
    assert "truncated" in imgtools("convert", cut, tmp_path / "new.raw", code=10).err
    assert not (tmp_path / "new.raw").exists()


def test_difference_found_by_verify_leaves_nothing(
    images: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "compare", lambda *_, **__: Compared(False, 4096, "mismatch"))
    ran = imgtools("convert", "--verify", images["raw"], tmp_path / "new.qcow2", code=42)
    assert "differs at byte 4096" in ran.err and not list(tmp_path.iterdir())


def test_cluster_that_cannot_be_read_stops_it_unless_salvaged(tmp_path: Path) -> None:
    image = image_of(b"a" * MIB, tmp_path / "c.qcow2", "qcow2", ("-c",))
    data = image.read_bytes()
    at = data.rindex(b"a", 0, len(data)) if b"aaaa" in data else len(data.rstrip(b"\0")) - 20
    image.write_bytes(data[: at - 40] + b"\xff" * 60 + data[at + 20 :])
    ran = imgtools("convert", image, tmp_path / "new.raw", code=10)
    assert "error while reading" in ran.err and "--salvage" in ran.err
    assert not (tmp_path / "new.raw").exists()
    ran = imgtools("convert", "--salvage", "--json", image, tmp_path / "new.raw")
    assert any("error while reading" in one["text"] for one in ran.json["warnings"])
    assert (tmp_path / "new.raw").stat().st_size == MIB


def test_killed_qemu_img_is_named(
    images: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "qemu-img"
    script.write_text('#!/bin/sh\n[ "$1" = convert ] && kill -9 $$\nexec /usr/bin/qemu-img "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    ran = imgtools("convert", images["vdi"], tmp_path / "new.qcow2", code=30)
    assert "ended by SIGKILL" in ran.err and [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_no_room_is_seen_before(
    images: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_file, "free_room", lambda folder: MIB)
    ran = imgtools("convert", images["vdi"], tmp_path / "new.raw", code=16)
    assert f"has room for {MIB}" in ran.err and not list(tmp_path.iterdir())


def test_room_check_counts_data_not_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "large.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", image, "100G")
    monkeypatch.setattr(new_file, "free_room", lambda folder: 64 * MIB)
    imgtools("convert", image, tmp_path / "large.raw")


def process(*words: str | Path, wrapper: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    argv = [*wrapper, sys.executable, "-m", "imgtools", *map(str, words)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("format", ["raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc"])
def test_host_that_fills_up_leaves_nothing(images: dict[str, Path], tmp_path: Path, format: str) -> None:
    """A limit on the size of files stops qemu-img in the middle, as a full disk does."""
    with process(
        "convert", "-O", format, images["raw"], tmp_path / "new", wrapper=("prlimit", f"--fsize={MIB + 4096}")
    ) as limited:
        _, err = limited.communicate(timeout=60)
    assert limited.returncode == 16, err
    assert "Traceback" not in err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_signal_leaves_no_half_target(
    images: dict[str, Path], tmp_path: Path, number: signal.Signals
) -> None:
    target = tmp_path / "new.raw"
    with process("convert", "--rate", "1M", images["raw"], target) as running:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(f"{new_file.PREFIX}*/new.raw")) and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(number)
        running.communicate(timeout=60)
    assert running.returncode in (128 + number, -number)
    assert not target.exists()
    if number == signal.SIGKILL:  # nobody could tidy up; the next one does
        imgtools("create", tmp_path / "other.raw", "1M")
        (tmp_path / "other.raw").unlink()
    assert not list(tmp_path.iterdir())


def test_a_disk_that_nobody_can_look_at_is_refused(tmp_path: Path) -> None:
    """A few hundred bytes can say that there are 2 EiB; where nothing is stored, QEMU looks all the same."""
    image = tmp_path / "d.qcow2"
    imgtools("create", "-o", "cluster_size=2M", image, "2E")
    assert "takes days" in imgtools("convert", "-O", "raw", image, tmp_path / "out", code=2).err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [0, 100])
@pytest.mark.parametrize("format", ["raw", "qcow2", "vdi"])
def test_a_disk_of_nothing_or_less_than_a_sector(tmp_path: Path, size: int, format: str) -> None:
    source, made = tmp_path / "small.raw", tmp_path / f"made.{format}"
    source.write_bytes(b"x" * size)
    imgtools("convert", "--verify", "-O", format, source, made)
    assert content_of(made)[:size] == b"x" * size
    imgtools("measure", "-O", format, source)
    imgtools("map", source)
    imgtools("ls", source, "/", code=10)  # nobody keeps files on it
