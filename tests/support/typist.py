"""A person at a terminal: a command on a pseudo terminal, what it shows, and what is typed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 300.0  # seconds for something to be shown: the appliance boots before


class Typist:
    """One command on a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process, self._terminal = process, terminal
        self._shown = b""  # what nobody has waited for yet
        self.seen = ""  # everything

    def waits_for(self, text: str) -> str:
        """Wait until something is shown, and return all that was shown before it and with it."""
        wanted, end = text.encode(), time.monotonic() + PATIENCE
        while wanted not in self._shown:
            piece = self._reads(end, repr(text))
            assert piece, f"it ended without {text!r}; shown: {self.seen}"
            self._shown += piece
            self.seen += piece.decode("utf-8", "replace")
        before, _, self._shown = self._shown.partition(wanted)
        return (before + wanted).decode("utf-8", "replace")

    def _reads(self, end: float, awaited: str) -> bytes:
        """Return what is shown next; nothing if the other side has gone."""
        left = max(0.0, end - time.monotonic())
        assert select.select([self._terminal], [], [], left)[0], f"not shown: {awaited}; shown: {self.seen}"
        try:
            return os.read(self._terminal, 1 << 16)
        except OSError:
            return b""

    def types(self, keys: str) -> None:
        """Type some keys."""
        os.write(self._terminal, keys.encode())

    def resizes(self, rows: int, columns: int) -> None:
        """Give the window another size."""
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def ends(self) -> int:
        """Read to the end and return the exit code."""
        end = time.monotonic() + PATIENCE
        while piece := self._reads(end, "its end"):
            self.seen += piece.decode("utf-8", "replace")
        return self.process.wait(PATIENCE)


@contextmanager
def typing(*words: str | Path, rows: int = 30, columns: int = 100) -> Iterator[Typist]:
    """Run ``imgtools WORDS`` on a terminal of its own while the block runs."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    argv = [sys.executable, "-m", "imgtools", *map(str, words)]
    environment = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Typist(process, ours)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        os.close(ours)
        process.wait(PATIENCE)
