"""Children of ours: their environment and their limits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from imgtools.engine.process import HOST, UNTRUSTED, Fence, Kind, run

pytestmark = pytest.mark.host

THREADS = """
import threading
gate = threading.Barrier(41)
def work():
    gate.wait(); bytearray(1 << 16); gate.wait()
for _ in range(40):
    threading.Thread(target=work, daemon=True).start()
gate.wait(); gate.wait()
print("all there")
"""


def test_a_limit_of_memory_leaves_room_for_threads() -> None:
    """QEMU's programs start up to 64; with a heap for each, qemu-nbd ended at 1 GiB as soon as the disk was slow."""
    fence = Fence(Kind.READER, (Path(sys.prefix),))
    assert run([sys.executable, "-c", THREADS], fence, limits=UNTRUSTED).text == "all there\n"


def test_children_speak_a_language_that_programs_can_read() -> None:
    assert "LC_ALL=C.UTF-8\n" in run(["env"], HOST).text
