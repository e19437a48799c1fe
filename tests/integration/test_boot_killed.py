"""However imgtools ends, no machine and no file of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imgtools.engine.held_folder import PREFIX
from tests.support.waiting import wait_until


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_killed_it_leaves_no_machine_and_no_file(tmp_path: Path, how: int) -> None:
    image = tmp_path / "blank.raw"
    image.write_bytes(bytes(1 << 20))
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    words = [sys.executable, "-m", "imgtools", "boot", image, "--firmware", "bios", "--expect", "never"]
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE)
    wait_until(lambda: _machines(tmp_path), seconds=60)
    process.send_signal(how)
    process.wait(60)
    wait_until(lambda: not _machines(tmp_path), seconds=60)
    wait_until(lambda: not list(tmp_path.glob(f"{PREFIX}*")), seconds=60)
    wait_until(lambda: not list(tmp_path.glob("imgtools-nbd-*")), seconds=60)


def _machines(folder: Path) -> list[int]:
    """The numbers of the QEMUs whose overlays are in a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if b"imgtools-boot" in words and str(folder).encode() in words:
            found.append(int(place.name))
    return found
