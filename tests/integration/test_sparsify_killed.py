"""sparsify and the daemon that discards are killed in the middle: no file is harmed, and the next run does the rest."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imgtools.disk.in_use import is_in_use
from tests.support.command import imgtools
from tests.support.disks import MIB, qemu_img
from tests.support.sparse import digests, disk_with, require_clean
from tests.support.volumes import tool

# Discards 64 KiB at a time, and dies before one of them with the daemon that has the image.
KILLED = """
import os, pathlib, signal, sys
from imgtools.engine.qemu import giving_back
giving_back.AT_ONCE = 65536
image, turn, real = sys.argv[1], int(sys.argv[2]), giving_back._do
count = 0

def do(call, start, end):
    global count
    count += 1
    if count == turn:
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if words.startswith(b"qemu-storage-daemon") or b"/qemu-storage-daemon" in words.split(b"\\0")[0]:
                if os.fsencode(image) in words:
                    os.kill(int(process.name), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    real(call, start, end)

giving_back._do = do
from imgtools.cli.app import main
main(["sparsify", "--write", image])
"""


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return disk_with(tmp_path_factory.mktemp("disk"), "ext4")


def stored(image: Path) -> int:
    return sum(one["length"] for one in json.loads(qemu_img("map", "--output=json", image)) if one["data"])


@pytest.mark.parametrize("format", ["raw", "qcow2"])
@pytest.mark.parametrize("turn", [1, 2, 40, 80])
def test_a_cut_harms_nothing_and_the_next_run_does_the_rest(
    disk: Path, tmp_path: Path, format: str, turn: int
) -> None:
    image, whole = tmp_path / f"d.{format}", tmp_path / f"whole.{format}"
    for target in (image, whole):
        if format == "raw":
            tool("cp", "--sparse=always", disk, target)
        else:
            qemu_img("convert", "-f", "raw", "-O", format, disk, target)
    files, before = digests(image), stored(image)
    words = [sys.executable, "-c", KILLED, image, str(turn)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    deadline = time.monotonic() + 60
    while is_in_use(image) and time.monotonic() < deadline:
        time.sleep(0.05)
    cut = stored(image)
    # The tables of a qcow2 are in the daemon's memory until it writes them: all of it may be to do again.
    assert cut <= before and (format == "qcow2" or turn < 40 or cut < before)
    assert digests(image) == files
    require_clean(image, "ext4", tmp_path)
    if format == "qcow2":
        found = imgtools("check", "--json", image, code=None).data["found"]
        assert found["corruptions"] == 0
    imgtools("sparsify", "--write", image)
    imgtools("sparsify", "--write", whole)
    assert stored(image) == stored(whole) < before - 4 * MIB
    assert digests(image) == files
    if format == "qcow2":
        assert "No errors" in qemu_img("check", image)
