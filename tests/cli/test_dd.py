"""imgtools dd."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.workflows import dd
from tests.support.command import imgtools
from tests.support.disks import (
    EXACT,
    MIB,
    SUFFIX,
    content_of,
    image_of,
    make_chain,
    qemu_img,
    random_bytes,
    sparse_content,
)
from tests.support.full import files_at_most

CONTENT = sparse_content()
WRITABLE = ("raw", "qcow2", "vmdk", "vdi", "vpc", "vhdx")


@pytest.mark.parametrize("format", WRITABLE)
def test_stretch_to_a_new_image(tmp_path: Path, format: str) -> None:
    source = image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")
    target = tmp_path / f"part.{SUFFIX.get(format, format)}"
    imgtools("dd", "--bs", "512K", "--skip", "1", "--count", "9", source, target)
    assert content_of(target, format) == CONTENT[MIB // 2 : 5 * MIB]


@pytest.mark.parametrize("format", WRITABLE)
def test_into_an_image_only_the_stretch_changes(tmp_path: Path, format: str) -> None:
    patch = image_of(b"p" * MIB, tmp_path / "patch.raw")
    target = image_of(CONTENT, tmp_path / f"d.{SUFFIX.get(format, format)}", format)
    words = ("dd", "--bs", "1M", "--seek", "4", patch, target, "--target-format", format)
    imgtools(*words)
    assert content_of(target, format) == CONTENT
    imgtools(*words, "--write")
    assert content_of(target, format) == CONTENT[: 4 * MIB] + b"p" * MIB + CONTENT[5 * MIB :]


def test_zeros_of_the_source_are_written_over_data(tmp_path: Path) -> None:
    target = image_of(random_bytes(2 * MIB), tmp_path / "d.qcow2", "qcow2")
    hole = tmp_path / "hole.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", hole, "1M")
    imgtools("dd", "--seek", "1", "--bs", "1M", "--write", hole, target)
    assert content_of(target)[MIB:] == bytes(MIB)


@pytest.mark.parametrize(("skip", "count"), [(2, 4), (4, 2), (7, 1), (7, 9)])
def test_count_is_what_is_copied(tmp_path: Path, skip: int, count: int) -> None:
    content = random_bytes(8 * MIB)
    source, target = image_of(content, tmp_path / "s.raw"), tmp_path / "t.raw"
    imgtools("dd", "--bs", "1M", "--skip", str(skip), "--count", str(count), source, target)
    assert target.read_bytes() == content[skip * MIB : (skip + count) * MIB]


def test_new_image_with_seek_begins_with_zeros(tmp_path: Path) -> None:
    source = image_of(b"s" * MIB, tmp_path / "s.raw")
    imgtools("dd", "--bs", "1M", "--seek", "2", source, tmp_path / "t.qcow2")
    assert content_of(tmp_path / "t.qcow2") == bytes(2 * MIB) + b"s" * MIB


def test_stretch_that_does_not_fit(tmp_path: Path) -> None:
    source = image_of(CONTENT, tmp_path / "d.raw")
    small = image_of(bytes(MIB), tmp_path / "small.qcow2", "qcow2")
    assert "do not fit" in imgtools("dd", "--write", source, small, code=2).err
    assert (
        "nothing to copy" in imgtools("dd", "--bs", "1M", "--skip", "8", source, tmp_path / "n", code=2).err
    )
    imgtools("dd", "--bs", "0", source, tmp_path / "n", code=2)
    imgtools("dd", "--write", source, source, code=2)
    assert not (tmp_path / "n").exists()


def test_snapshot(tmp_path: Path) -> None:
    image = image_of(CONTENT, tmp_path / "d.qcow2", "qcow2")
    qemu_img("snapshot", "-c", "one", image)
    imgtools("dd", "--write", image_of(b"x" * MIB, tmp_path / "x"), image)
    imgtools("dd", "--snapshot", "one", image, tmp_path / "old.raw")
    assert (tmp_path / "old.raw").read_bytes() == CONTENT


@pytest.mark.parametrize("format", WRITABLE)
def test_host_that_fills_leaves_the_image_as_it_was(tmp_path: Path, format: str) -> None:
    source = image_of(random_bytes(8 * MIB, 9), tmp_path / "s.raw")
    target = image_of(CONTENT, tmp_path / f"t.{SUFFIX.get(format, format)}", format)
    before = target.read_bytes()
    with files_at_most(3 * MIB):
        imgtools("dd", "--write", source, target, "--target-format", format, code=16)
    assert target.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {source.name, target.name}
    with files_at_most(3 * MIB):
        imgtools("dd", source, tmp_path / "n.qcow2", code=16)
    assert {path.name for path in tmp_path.iterdir()} == {source.name, target.name}


def test_no_room_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = image_of(CONTENT, tmp_path / "d.raw")
    target = image_of(bytes(8 * MIB), tmp_path / "t.qcow2", "qcow2")
    monkeypatch.setattr(dd, "free_room", lambda folder: MIB)
    assert "--directly" in imgtools("dd", source, target, code=16).err
    imgtools("dd", "--directly", source, target)


@pytest.mark.parametrize("format", [*WRITABLE, "qed", "qcow", "parallels"])
@pytest.mark.parametrize("size", ["4M", "300M"])
def test_into_an_empty_image(tmp_path: Path, format: str, size: str) -> None:
    patch = image_of(random_bytes(MIB, 4), tmp_path / "patch.raw")
    target = tmp_path / f"d.{SUFFIX.get(format, format)}"
    qemu_img("create", "-q", "-f", format, *EXACT.get(format, ()), target, size)
    target.chmod(0o640)
    imgtools("dd", "--bs", "1M", "--seek", "2", "--write", patch, target, "--target-format", format)
    imgtools(
        "dd", "--bs", "1M", "--skip", "1", "--count", "2", "--format", format, target, tmp_path / "read.raw"
    )
    assert (tmp_path / "read.raw").read_bytes() == bytes(MIB) + patch.read_bytes()
    assert format == "raw" or target.stat().st_size < 20 * MIB
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("format", WRITABLE)
def test_directly_needs_no_room_beside(tmp_path: Path, format: str) -> None:
    patch = image_of(b"p" * MIB, tmp_path / "patch.raw")
    target = image_of(CONTENT, tmp_path / f"d.{SUFFIX.get(format, format)}", format)
    words = ("dd", "--directly", "--bs", "1M", "--seek", "4", patch, target, "--target-format", format)
    assert "in part" in imgtools(*words).out
    assert content_of(target, format) == CONTENT
    imgtools(*words, "--write")
    assert content_of(target, format) == CONTENT[: 4 * MIB] + b"p" * MIB + CONTENT[5 * MIB :]


def test_image_in_several_files_is_written_directly(tmp_path: Path) -> None:
    patch = image_of(b"p" * MIB, tmp_path / "patch.raw")
    target = tmp_path / "d.vmdk"
    qemu_img("create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", target, "4M")
    assert "directly" in imgtools("dd", "--bs", "1M", "--seek", "1", "--write", patch, target).out
    assert content_of(target) == bytes(MIB) + b"p" * MIB + bytes(2 * MIB)


def test_over_an_image_with_a_backing_file(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    middle, base = chain.middle.read_bytes(), chain.base.read_bytes()
    patch = image_of(b"p" * 1024, tmp_path / "patch.raw")
    imgtools("dd", "--bs", "512", "--seek", "2049", "--write", patch, chain.top)
    at = 2049 * 512
    assert content_of(chain.top) == chain.content[:at] + b"p" * 1024 + chain.content[at + 1024 :]
    assert (chain.middle.read_bytes(), chain.base.read_bytes()) == (middle, base)


def test_image_that_others_stand_on(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    patch = image_of(b"p" * MIB, tmp_path / "patch.raw")
    assert "stands on" in imgtools("dd", "--write", patch, chain.base, code=17).err
    assert "imgtools commit" in imgtools("dd", "--write", chain.top, chain.base, code=2).err
    assert content_of(chain.top) == chain.content
    imgtools("dd", "--force", "--write", patch, chain.base)
    assert content_of(chain.base)[:MIB] == b"p" * MIB


def test_target_that_cannot_be(tmp_path: Path) -> None:
    source = image_of(CONTENT, tmp_path / "d.raw")
    assert "no such folder" in imgtools("dd", source, tmp_path / "none/t.raw", code=3).err
    assert "so large" in imgtools("dd", "--seek", str(1 << 50), source, tmp_path / "t.raw", code=2).err
    stream = image_of(CONTENT, tmp_path / "s.vmdk", "vmdk", ("-o", "subformat=streamOptimized"))
    assert "streamOptimized" in imgtools("dd", source, stream, code=14).err
    (tmp_path / "junk").write_bytes(b"hello")
    assert "do not fit" in imgtools("dd", source, tmp_path / "junk", code=2).err


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_what_a_killed_edit_left_is_no_image_of_its_own(tmp_path: Path, format: str) -> None:
    target = image_of(CONTENT, tmp_path / "t.img", format)
    overlay = tmp_path / "t.img.imgtools-overlay"
    qemu_img("create", "-q", "-f", "qcow2", "-b", target.name, "-F", format, overlay)
    source = image_of(b"s" * MIB, tmp_path / "s.raw")
    imgtools("dd", "--write", source, target)
    assert content_of(target, format) == b"s" * MIB + CONTENT[MIB:] and not overlay.exists()


@pytest.mark.parametrize("format", ["raw", "qcow2"])
@pytest.mark.parametrize(
    "words",
    ["--bs 5", "--bs 5 --count 301", "--bs 5 --skip 2 --count 301", "--bs 700 --skip 1 --seek 3 --count 2"],
)
def test_blocks_of_any_size_as_qemu_img_dd_takes_them(tmp_path: Path, words: str, format: str) -> None:
    content = random_bytes(3000 * 5 + 7)
    source, target = image_of(content, tmp_path / "s.raw"), tmp_path / f"t.{format}"
    imgtools("dd", *words.split(), "-f", "raw", source, target)
    given = dict(zip(*[iter(words.split())] * 2, strict=True))
    size = int(given["--bs"])
    skip, seek = int(given.get("--skip", 0)) * size, int(given.get("--seek", 0)) * size
    wanted = bytes(seek) + content[skip : skip + int(given.get("--count", 10**6)) * size]
    assert content_of(target, format) == wanted.ljust(-(-len(wanted) // 512) * 512, b"\0")
    if not seek and not skip:  # qemu-img 7.2 takes skipped blocks off a count, and seeks in nothing new
        count = [f"count={given['--count']}"] if "--count" in given else []
        qemu = tmp_path / "qemu"
        qemu_img("dd", "-f", "raw", "-O", "raw", f"bs={size}", *count, f"if={source}", f"of={qemu}")
        assert content_of(target, format) == qemu.read_bytes()


def test_bytes_in_the_middle_of_a_sector_leave_the_rest_of_it(tmp_path: Path) -> None:
    content = random_bytes(4096)
    source, target = (
        image_of(b"abcdefghij" * 200, tmp_path / "s.raw"),
        image_of(content, tmp_path / "t.qcow2", "qcow2"),
    )
    words = ("dd", "--bs", "5", "--skip", "1", "--seek", "100", "--count", "2", "-f", "raw", source, target)
    imgtools(*words)
    assert content_of(target) == content
    imgtools(*words, "--write")
    assert content_of(target) == content[:500] + b"fghijabcde" + content[510:]
