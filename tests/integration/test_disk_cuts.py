"""imgtools and its qemu-img are killed at random moments; the disk reads the same, at once or after recover."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imgtools.disk.in_use import is_in_use
from tests.support.command import imgtools
from tests.support.disks import MIB, content_of, image_of, make_chain, patch_image, qemu_img, random_bytes

COMMANDS = {
    "flatten": ("chain", "flatten", "--write", "top.qcow2"),
    "squash": ("chain", "squash", "--from", "top.qcow2", "--to", "base.qcow2", "--write", "top.qcow2"),
    "down": (
        "chain",
        "squash",
        "--from",
        "middle.qcow2",
        "--to",
        "base.qcow2",
        "--down",
        "--write",
        "top.qcow2",
    ),
    "middle": ("chain", "squash", "--from", "top.qcow2", "--to", "middle.qcow2", "--write", "top.qcow2"),
    "commit": ("commit", "--write", "--empty", "top.qcow2"),
    "rebase": ("rebase", "--onto", "other.raw", "--onto-format", "raw", "--write", "top.qcow2"),
    "deeper": ("rebase", "--onto", "base.qcow2", "--onto-format", "qcow2", "--write", "top.qcow2"),
    "delete": ("snapshot", "delete", "--write", "top.qcow2", "one"),
    "amend": ("amend", "-o", "refcount_bits=64", "--write", "top.qcow2"),
}
KILLS = 3  # of each command


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A folder with a chain of three, an unrelated base, a snapshot; and what the guest reads."""
    folder = tmp_path_factory.mktemp("original")
    chain = make_chain(folder)
    patch_image(chain.top, 4 * MIB, random_bytes(4 * MIB, 7))
    content = content_of(chain.top)
    image_of(random_bytes(8 * MIB, 9), folder / "other.raw")
    qemu_img("snapshot", "-c", "one", chain.top)
    return folder, content


@pytest.mark.parametrize("name", COMMANDS)
def test_cut_anywhere_the_disk_reads_the_same(
    original: tuple[Path, bytes], tmp_path: Path, name: str
) -> None:
    source, content = original
    moments = random.Random(name)
    for turn in range(KILLS):
        folder = tmp_path / str(turn)
        shutil.copytree(source, folder)
        _kill(COMMANDS[name], folder, moments.random() * 0.25)
        top = folder / "top.qcow2"
        if imgtools("info", "--no-partitions", top, code=None).code == 13:
            imgtools("recover", top)
        assert content_of(top) == content
        assert imgtools("check", "--json", top, code=None).data["found"]["corruptions"] == 0
        shutil.rmtree(folder)


def _kill(words: tuple[str, ...], folder: Path, delay: float) -> None:
    """Run a command, wait until it has made a file, and a little longer, and kill it with all it has started."""
    names = set(os.listdir(folder))  # noqa: PTH208
    argv = [sys.executable, "-m", "imgtools", *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        argv,
        cwd=folder,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        deadline = time.monotonic() + 60
        while running.poll() is None and set(os.listdir(folder)) == names and time.monotonic() < deadline:  # noqa: PTH208
            time.sleep(0.002)
        time.sleep(delay)
        try:
            os.killpg(running.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it was quicker
    while any(is_in_use(path) for path in folder.glob("*.qcow2")) and time.monotonic() < deadline:
        time.sleep(0.002)  # the kernel has not let go of it yet
