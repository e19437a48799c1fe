"""The QEMU of a launch as a child process of ours: found by the name that it was given, watched, and ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PERIOD = 0.2  # seconds between two looks


class Watch:
    """What became of a launch that was watched: ``gave_up`` says why its QEMU was ended, in a few words."""

    gave_up = ""


@contextmanager
def ended_if_it_hangs(
    token: str, log: Callable[[], str], has_spoken: Callable[[str], bool], *, silent: float, whole: float
) -> Iterator[Watch]:
    """While the block runs, end the QEMU of a launch if it hangs.

    What goes before its start does not count: libguestfs builds its appliance, which takes a while, and has its own
    to say.

    :param log: returns what was said so far.
    :param has_spoken: whether the machine itself has said something in a piece of the log.
    :param silent: seconds in which something has to come over its console.
    :param whole: seconds in which the block has to end.
    """
    watch, over = Watch(), threading.Event()

    def look() -> None:
        before = 0  # of the log, when QEMU was certainly not there yet
        while not find_children(token):
            before = len(log())
            if over.wait(PERIOD):
                return
        began = time.monotonic()
        while not watch.gave_up and not over.wait(PERIOD):
            passed = time.monotonic() - began
            if passed > silent and not has_spoken(log()[before:]):
                watch.gave_up = f"nothing on its console in {silent:g} s"
            elif passed > whole:
                watch.gave_up = f"it was not up in {whole:g} s"
        if watch.gave_up:
            kill_children(token)

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def kill_children(token: str) -> None:
    """End those of our own child processes that belong to a launch: QEMU by its name, and supermin."""
    for pid in _children(lambda words: token.encode() in words or words[0].endswith(b"/supermin")):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue  # it has ended by itself


def find_children(token: str) -> list[int]:
    """Return the process ids of the QEMU of a launch."""
    return list(_children(lambda words: token.encode() in words))


def _children(fits: Callable[[list[bytes]], bool]) -> Iterator[int]:
    """The process ids of those of our children, whichever of our threads started them, whose command line fits."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # proc(5): pid (comm) state ppid ...; comm may hold anything, also brackets.
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and fits((path.parent / "cmdline").read_bytes().split(b"\0")):
                yield int(path.parent.name)
        except OSError:
            continue
