"""Run one command and measure it: wall time, or the memory of all its processes."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SAMPLE_EVERY = 0.005  # seconds between two looks at the memory
LONG = 10.0  # seconds: what takes longer is looked at while it is timed,
SELDOM = 0.25  # and so seldom that it costs nothing
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
PAGE = os.sysconf("SC_PAGE_SIZE")
LIMIT = 1800  # seconds after which a command is given up


class CommandFailed(Exception):
    """A command of the benchmark did not do its work: no figure of it would mean anything."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: its wall time, what it wrote to stdout, and the peak of its memory if it took long."""

    seconds: float
    output: bytes
    memory: int = 0  # bytes; 0: it was too short to be looked at


def time_command(words: Sequence[str], env: Mapping[str, str]) -> Run:
    """Run a command to its end and take the time. Its output goes to a file, as in a script.

    :raises CommandFailed: it ended with something else than 0, or wrote nothing where it should.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, descendants_stay():
        others = frozenset(_descendants(os.getpid()))
        started = time.perf_counter()
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env)
        # Not wait(timeout): it looks every 50 ms, which is a third of our quickest commands.
        limit = threading.Timer(LIMIT, process.kill)
        limit.start()
        watch = _Watch(others)
        code = process.wait()
        seconds = time.perf_counter() - started
        limit.cancel()
        memory = watch.end()
        out.seek(0)
        err.seek(0)
        if code != 0:
            message = err.read().decode(errors="replace")[-500:]
            raise CommandFailed(f"{words[0]} ended with {code}: {message}")
        return Run(seconds, out.read(), memory)


class _Watch(threading.Thread):
    """Looks at the memory of our descendants, from the time on at which a command has taken long."""

    def __init__(self, others: frozenset[int]) -> None:
        super().__init__(daemon=True)
        self._others = others
        self._ended = threading.Event()
        self._peak = 0
        self.start()

    def run(self) -> None:
        """Look until the command has ended."""
        wait = LONG
        while not self._ended.wait(wait):
            self._peak, wait = max(self._peak, _resident_besides(self._others)), SELDOM

    def end(self) -> int:
        """Stop, and return the peak in bytes; 0 if nothing was looked at."""
        self._ended.set()
        self.join()
        return self._peak


def peak_memory(words: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a command once more and return the largest sum of resident memory of its processes, in bytes.

    Resident sets are added up, so pages that two processes share count twice: the figure is too high rather than
    too low. Daemons that the command starts (qemu-nbd, the appliance's QEMU) stay our descendants and count.
    """
    with descendants_stay():
        others = frozenset(_descendants(os.getpid()))
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, _resident_besides(others))
            time.sleep(SAMPLE_EVERY)
    return peak


@contextmanager
def descendants_stay() -> Iterator[None]:
    """Within this, a process whose parent ends becomes our child instead of init's."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _descendants(pid: int) -> Iterator[int]:
    """The processes below one, by /proc/PID/task/TID/children (proc(5)); those that end meanwhile are left out."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it has ended
        return
    for task in tasks:
        for word in _read(task / "children").split():
            yield int(word)
            yield from _descendants(int(word))


def _resident_besides(others: frozenset[int]) -> int:
    """The memory of our descendants without those of earlier commands: an appliance may take its time to end."""
    return sum(_resident(pid) for pid in _descendants(os.getpid()) if pid not in others)


def _resident(pid: int) -> int:
    words = _read(Path(f"/proc/{pid}/statm")).split()
    return int(words[1]) * PAGE if len(words) > 1 else 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return ""
