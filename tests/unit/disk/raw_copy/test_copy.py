"""Raw images copied without qemu-img: every byte, no more room than needed, and nothing half done."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from imgtools.disk.raw_copy.copy import BLOCK, CHUNK, RawTarget, Target, copy_plain, filled
from imgtools.disk.raw_copy.new_qcow2 import CLUSTER, Qcow2Target, _refcounts
from imgtools.engine import allocation
from imgtools.errors import BadImage, HostError, ImageInUse, ImgtoolsError, NoRoom
from tests.support.disks import content_of, qemu_img, random_bytes

MIB = 1 << 20
Made = Callable[[int, int], Target]


def copied(source: Path, target: Path, made: Made = RawTarget, size: int | None = None) -> Path:
    length = source.stat().st_size if size is None else size
    copy_plain(source, target, lambda descriptor: made(descriptor, length))
    return target


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.raw"
    path.write_bytes(random_bytes(3 * MIB))
    return path


# -- zeros -----------------------------------------------------------------------------------------------

PIECES = st.lists(
    st.sampled_from([b"\0" * BLOCK, b"x" * BLOCK, b"\0" * (BLOCK - 1) + b"y", b"z" + b"\0" * (BLOCK - 1)]), max_size=20
)  # fmt: skip


@given(pieces=PIECES, tail=st.binary(max_size=BLOCK - 1), start=st.integers(0, 3))
def test_filled_blocks_are_found(pieces: list[bytes], tail: bytes, start: int) -> None:
    content = bytearray(b"".join(pieces) + tail)
    start, end = min(start * BLOCK, len(content)), len(content)
    runs = list(filled(content, start, end))
    again = bytearray(end)
    for first, last in runs:
        assert start <= first < last <= end
        again[first:last] = content[first:last]
        for at in range(first, last, BLOCK):
            assert any(content[at : min(at + BLOCK, last)]), "a block of zeros was taken for data"
    assert again[start:] == content[start:]


# -- layouts ---------------------------------------------------------------------------------------------

LAYOUTS = st.lists(
    st.tuples(st.sampled_from(["data", "zeros", "hole"]), st.integers(1, 40).map(lambda n: n * BLOCK)),
    min_size=1,
    max_size=12,
)


def lay_out(path: Path, layout: list[tuple[str, int]], tail: int) -> None:
    with path.open("wb") as stream:
        for number, (kind, length) in enumerate(layout):
            if kind == "hole":
                stream.seek(length, os.SEEK_CUR)
            else:
                stream.write(random_bytes(length, number) if kind == "data" else bytes(length))
        stream.truncate(stream.tell() + tail)


@given(layout=LAYOUTS, tail=st.integers(0, 3 * BLOCK))
@example(layout=[("hole", 5 * BLOCK), ("data", BLOCK), ("hole", 9 * BLOCK), ("data", BLOCK)], tail=1)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_raw_into_raw(tmp_path: Path, layout: list[tuple[str, int]], tail: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    target.unlink(missing_ok=True)
    lay_out(source, layout, tail)
    copied(source, target)
    assert target.read_bytes() == source.read_bytes()
    data = sum(length for kind, length in layout if kind == "data")
    assert target.stat().st_blocks * 512 <= data + 16 * BLOCK  # a filesystem may need blocks of its own


@pytest.mark.host
@given(layout=LAYOUTS, tail=st.integers(0, 3 * BLOCK))
@example(layout=[("hole", 5 * BLOCK), ("data", BLOCK), ("hole", 9 * BLOCK), ("data", BLOCK)], tail=1)
@example(layout=[("data", 200 * BLOCK), ("zeros", 32 * BLOCK), ("data", 8 * BLOCK)], tail=0)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_raw_into_qcow2(tmp_path: Path, layout: list[tuple[str, int]], tail: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target.qcow2"
    target.unlink(missing_ok=True)
    lay_out(source, layout, tail)
    copied(source, target, Qcow2Target)
    checked(target)
    expected = source.read_bytes()
    assert content_of(target) == expected.ljust(-(-len(expected) // 512) * 512, b"\0")
    clusters = {at // CLUSTER for at in range(0, len(expected), BLOCK) if any(expected[at : at + BLOCK])}
    tables = 1 if clusters else 0
    assert target.stat().st_size == (len(clusters) + tables + 4) * CLUSTER  # nothing for zeros


def checked(image: Path) -> None:
    assert "No errors were found" in qemu_img("check", image)


@pytest.mark.host
def test_a_qcow2_is_what_qemu_img_makes(source: Path, tmp_path: Path) -> None:
    ours, theirs = copied(source, tmp_path / "ours.qcow2", Qcow2Target), tmp_path / "theirs.qcow2"
    qemu_img("convert", "-O", "qcow2", source, theirs)
    told = [qemu_img("info", image).replace(image.name, "") for image in (ours, theirs)]
    lines = [[line for line in text.splitlines() if "disk size" not in line] for text in told]
    assert lines[0] == lines[1]
    assert ours.stat().st_size == theirs.stat().st_size
    feature_names = slice(112, 112 + 8 + 8 * 48)
    assert ours.read_bytes()[feature_names] == theirs.read_bytes()[feature_names]


@pytest.mark.host
def test_a_qcow2_with_more_than_one_refcount_block_and_second_level_table(tmp_path: Path) -> None:
    """34,000 clusters, each with one block: the reference counts of 32,768 fit into one cluster."""
    source = tmp_path / "source"
    with source.open("wb") as stream:
        for number in range(34000):
            stream.seek(number * CLUSTER + (number % 16) * BLOCK)
            stream.write(b"%d" % number)
        stream.truncate(200 << 30)
    target = copied(source, tmp_path / "target.qcow2", Qcow2Target)
    checked(target)
    assert "Images are identical" in qemu_img("compare", "-f", "raw", "-F", "qcow2", source, target)


@given(used=st.integers(1, 1 << 24))
@example(used=32766)
@example(used=32767)
@example(used=32768)
def test_reference_counts_cover_themselves(used: int) -> None:
    blocks, table = _refcounts(used)
    end = used + blocks + table
    assert blocks * (CLUSTER // 2) >= end > (blocks - 1) * (CLUSTER // 2)
    assert table * CLUSTER >= blocks * 8


@pytest.mark.host
@pytest.mark.parametrize("size", [0, 1, 511, 513])
@pytest.mark.parametrize("made", [RawTarget, Qcow2Target])
def test_odd_sizes(tmp_path: Path, made: Made, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"a" * size)
    target = copied(source, tmp_path / "target", made)
    if made is RawTarget:
        assert target.read_bytes() == source.read_bytes()
    else:
        checked(target)
        assert content_of(target, "qcow2").rstrip(b"\0") == b"a" * size


def test_a_filesystem_that_knows_no_holes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, offset: int, whence: int) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(allocation.os, "lseek", refuse)
    target = copied(source, tmp_path / "target")
    monkeypatch.undo()
    assert target.read_bytes() == source.read_bytes()


# -- trouble ---------------------------------------------------------------------------------------------


def test_progress_ends_at_the_end(source: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    copy_plain(
        source,
        tmp_path / "t",
        lambda descriptor: RawTarget(descriptor, 3 * MIB),
        lambda *told_: told.append(told_),
    )
    assert told[-1] == (3 * MIB, 3 * MIB)


def test_source_that_cannot_be_read(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, buffers: object, offset: int) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(BadImage, match="near byte") as caught:
        copied(source, tmp_path / "target")
    assert caught.value.hint is not None and "--salvage" in caught.value.hint


def test_source_that_becomes_shorter(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.preadv

    def cut(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        os.truncate(source, MIB)
        return real(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", cut)
    with pytest.raises(BadImage, match="became shorter"):
        copied(source, tmp_path / "target")


@pytest.mark.parametrize("made", [RawTarget, Qcow2Target])
@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, NoRoom), (errno.EDQUOT, NoRoom), (errno.EFBIG, NoRoom), (errno.EIO, HostError)],
)
def test_host_that_cannot_be_written(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: Made,
    number: int,
    kind: type[ImgtoolsError],
) -> None:
    def fail(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(kind):
        copied(source, tmp_path / "target", made)


@pytest.mark.host
def test_short_writes_are_continued(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, at: real(descriptor, data[:5000], at))
    for made in (RawTarget, Qcow2Target):
        target = copied(source, tmp_path / made.__name__, made)
        assert content_of(target, "raw" if made is RawTarget else "qcow2") == source.read_bytes()


def test_a_signal_ends_it_and_nobody_writes_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is removed after that: a thread that goes on would write into another one's place."""
    source.write_bytes(random_bytes(40 * CHUNK))
    real = os.preadv

    def slow(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        if offset == 4 * CHUNK:
            os.kill(os.getpid(), signal.SIGALRM)
        time.sleep(0.05)
        return real(descriptor, buffers, offset)

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "preadv", slow)
    before = signal.signal(signal.SIGALRM, end)
    try:
        with pytest.raises(KeyboardInterrupt):
            copied(source, tmp_path / "target")
    finally:
        signal.signal(signal.SIGALRM, before)
    size = (tmp_path / "target").stat().st_blocks
    time.sleep(0.15)
    assert (tmp_path / "target").stat().st_blocks == size


# -- other programs --------------------------------------------------------------------------------------


@pytest.mark.host
def test_a_disk_that_a_program_writes_to_is_refused(source: Path, tmp_path: Path) -> None:
    words = ["qemu-nbd", "-f", "raw", "-k", str(tmp_path / "socket"), "--fork", "--persistent"]
    pid = tmp_path / "pid"
    subprocess.run([*words, "--pid-file", str(pid), str(source)], check=True)
    try:
        with pytest.raises(ImageInUse):
            copied(source, tmp_path / "target")
    finally:
        os.kill(int(pid.read_text()), signal.SIGTERM)
    assert not (tmp_path / "target").exists()


@pytest.mark.host
def test_no_program_can_begin_to_write_meanwhile(source: Path, tmp_path: Path) -> None:
    def write(descriptor: int) -> Target:
        done = subprocess.run(
            ["qemu-io", "-f", "raw", "-c", "write 0 512", str(source)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "lock" in done.stdout + done.stderr
        return RawTarget(descriptor, 3 * MIB)

    before = source.read_bytes()
    copy_plain(source, tmp_path / "target", write)
    assert source.read_bytes() == before == (tmp_path / "target").read_bytes()
