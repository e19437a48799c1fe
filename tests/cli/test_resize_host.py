"""imgtools resize on a host that fills up meanwhile, and on the disk of a running guest."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from imgtools.disk.transaction import transaction
from imgtools.errors import EditCut, ImageInUse, NoRoom, UnfinishedEdit
from imgtools.workflows import resize, resize_copy
from tests.support.command import imgtools
from tests.support.disks import MIB
from tests.support.mounts import fuse_mounted
from tests.support.resizable import ROOT_START, cloud_disk, ext4_size, part_of, run, table_of, virtual_size


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# -- a host that fills up ----------------------------------------------------------------------------------


@pytest.fixture
def small_host(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for some 90 MB, on a filesystem of its own that nobody needs to be root for."""
    volume, folder = tmp_path / "volume", tmp_path / "small"
    with volume.open("wb") as file:
        file.truncate(96 * MIB)
    folder.mkdir()
    run("mke2fs", "-q", "-t", "ext2", "-m", "0", volume)
    with fuse_mounted(folder, "fuse2fs", "-f", "-o", "fakeroot", volume, folder):
        yield folder


def fill(folder: Path) -> None:
    """Somebody else takes all the room there is."""
    with (folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(MIB)):
            pass
    with (folder / "filler").open("ab", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(4096)):
            pass


def filled_before(called: Callable[..., Any], folder: Path) -> Callable[..., Any]:  # Any: whatever it is
    """The same function, but the host fills up before it does anything."""

    def late(*args: Any, **more: Any) -> Any:
        fill(folder)
        return called(*args, **more)

    return late


def cloud_on(host: Path, format: str, data: int = 0) -> Path:
    """A cloud's disk on that host, which takes no more room than it needs."""
    made = cloud_disk(host.parent / f"cloud.{format}", format, data=data)
    image = host / made.name
    run("cp", "--sparse=always", made, image)
    return image


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"lost+found", "filler"}


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_host_that_fills_while_it_grows_keeps_the_disk_as_it_was(
    small_host: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    image = cloud_on(small_host, format)
    before = digest(image)
    monkeypatch.setattr(resize, "carry_out", filled_before(resize.carry_out, small_host))
    ran = imgtools("resize", image, "2G", "--expand", "auto", "--write", code=NoRoom.exit_code)
    assert "the host has filled up" in ran.err and len(ran.err.splitlines()) == 2
    assert digest(image) == before and names(small_host) == {image.name}


def test_host_that_fills_in_the_commit_is_for_recover_to_finish(
    small_host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = cloud_on(small_host, "raw")
    words = ("resize", image, "512M", "--expand", "auto", "--write")
    with monkeypatch.context() as patch:
        patch.setattr(transaction, "commit_overlay", filled_before(transaction.commit_overlay, small_host))
        assert "no room" in imgtools(*words, code=EditCut.exit_code).err
    imgtools("resize", image, "--expand", "auto", code=UnfinishedEdit.exit_code)
    (small_host / "filler").unlink()
    imgtools("recover", image)
    roomy = tmp_path / image.name
    run("cp", "--sparse=always", image, roomy)
    size = table_of(roomy)[1]["size"] * 512
    assert virtual_size(roomy) == 512 * MIB and size > 500 * MIB
    assert ext4_size(part_of(roomy, ROOT_START, size)) == size // 4096 * 4096


@pytest.mark.parametrize("step", ["copy_disk", "target_disk"])
@pytest.mark.parametrize("format", ["raw", "qcow2", "vmdk"])
def test_host_that_fills_leaves_no_half_copy(
    small_host: Path, monkeypatch: pytest.MonkeyPatch, step: str, format: str
) -> None:
    image = cloud_on(small_host, "qcow2", data=8 * MIB)
    before = digest(image)
    monkeypatch.setattr(resize_copy, step, filled_before(getattr(resize_copy, step), small_host))
    target = small_host / f"new.{format}"
    words = ("resize", image, "2G", "--expand", "auto", "--copy", target, "--write")
    assert "host" in imgtools(*words, code=NoRoom.exit_code).err
    assert digest(image) == before and names(small_host) == {image.name}


# -- the disk of a running guest ---------------------------------------------------------------------------


@contextmanager
def running_guest(image: Path, format: str) -> Iterator[None]:
    """QEMU holds the image for writing."""
    argv = ["qemu-io", "-f", format, str(image)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=0) as user:
        assert user.stdin and user.stdout
        user.stdin.write("read 0 512\n")
        user.stdout.readline()
        yield
        user.stdin.close()


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_the_disk_of_a_running_guest_is_planned_for_and_not_written(tmp_path: Path, format: str) -> None:
    image = cloud_disk(tmp_path / f"cloud.{format}", format)
    before, copy = digest(image), ("--copy", tmp_path / "new.qcow2")
    shrink = ("-10M", "--shrink", "1")  # by its number; the filesystem is asked for what it needs
    with running_guest(image, format):
        for words in (("+10M", "--expand", "auto"), shrink, (*shrink, *copy)):
            shown = imgtools("resize", image, *words)
            assert "Nothing was changed" in shown.err and "another program is writing" in shown.err
            imgtools("resize", image, *words, "--write", code=ImageInUse.exit_code)
    assert digest(image) == before and not copy[1].exists()
