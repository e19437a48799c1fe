"""Mount with FUSE for a test, so that the mount goes when the tests are killed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import wait_until

PATIENCE = 60.0  # seconds for its end: it writes what it holds


@contextmanager
def fuse_mounted(place: Path, *command: str | Path) -> Iterator[Path]:
    """Have ``place`` served while the block runs, by a program that stays in the foreground.

    When the block has ended, so has the program: all is written. It gets SIGTERM, and unmounts, when we are killed.
    """
    with subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *command]) as process:
        try:
            wait_until(lambda: place.is_mount() or process.poll() is not None)
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            yield place
        finally:
            # Lazily: a test that failed may have a file open there.
            subprocess.run(["fusermount3", "-u", "-z", place], check=False)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
