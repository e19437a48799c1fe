"""A reader that goes away early (``| head``) is no error, and not "something was found" either."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.disks import qemu_img


@pytest.mark.parametrize("words", [("map", "{}"), ("map", "--json", "{}"), ("info", "{}"), ("--help",)])
def test_exit_code_of_a_pipe_without_reader(tmp_path: Path, words: tuple[str, ...]) -> None:
    image = tmp_path / "d.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", image, "1M")
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "imgtools", *(word.format(image) for word in words)]
    done = subprocess.run(argv, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
