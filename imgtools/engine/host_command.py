"""Commands that a user types for a shell of the host: no programs of ours, so they run behind no fence."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from imgtools.engine.process import start_for_user

PIPE, NOTHING = subprocess.PIPE, subprocess.DEVNULL


class HostCommand:
    """A command that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def input(self) -> IO[bytes]:
        """What it reads, if that is written to it."""
        assert self._process.stdin is not None
        return self._process.stdin

    def wait(self) -> int:
        """Close what it reads, wait until it has ended, and return its code as a shell has it."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        while True:
            try:
                code = self._process.wait()
            except KeyboardInterrupt:  # which it has got as well, and may take for something else
                continue
            return 128 - code if code < 0 else code


@contextmanager
def host_command(text: str, *, stdin: int | None = None, stdout: int | None = None) -> Iterator[HostCommand]:
    """Run a command while the block runs; it is waited for at the end.

    :param stdin: a descriptor; PIPE: what is written to ``input``; None: ours.
    :param stdout: a descriptor; None: ours.
    """
    command = HostCommand(start_for_user(text, stdin, stdout))
    try:
        yield command
    finally:
        command.wait()
