"""Host programs whose output is read while they run: the long answers that ``process.run`` would hold in memory."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO, cast

from imgtools.engine.confined.start import start_program
from imgtools.engine.process import Completed, Fence, Kind, Limits, ToolFailed, full

MAX_WORDS = 4096  # bytes of standard error that are kept


@contextmanager
def open_stream(
    argv: Sequence[str],
    fence: Fence,
    *,
    limits: Limits,
    stdin: BinaryIO | int = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
) -> Iterator[BinaryIO]:
    """Start a program and give its standard output; it is ended when the caller has read enough.

    ``limits.seconds`` does not count: the reader decides how long it reads. Memory and processor time do.

    :raises ToolMissing: the program is not installed.
    :raises ToolFailed: its output was read to the end, and it ended with an error.
    """
    with tempfile.TemporaryFile() as words:
        process = start_program(
            full(argv), fence, limits=limits, stdin=stdin, stderr=words, pass_fds=pass_fds, own_session=True
        )
        output = cast(io.BufferedReader, process.stdout)
        finished = False
        try:
            yield output
            finished = _at_end(output)
        finally:
            output.close()
            if not finished:
                _kill(process)
            process.wait()
        if finished and process.returncode:
            words.seek(0)
            raise ToolFailed(Completed(tuple(argv), process.returncode, b"", words.read(MAX_WORDS)))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the program and what it has started: its session is its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _at_end(output: io.BufferedReader) -> bool:
    """Whether the reader saw the end of the output, asked without waiting for a program that hangs."""
    ready, _, _ = select.select([output], [], [], 0)
    return bool(ready) and not output.peek(1)


def read_lines(stream: BinaryIO, *, limit: int) -> Iterator[bytes]:
    """Yield the lines of a stream without their ends; what a line has beyond ``limit`` bytes is left out."""
    while line := stream.readline(limit):
        yield line.rstrip(b"\r\n")
        while not line.endswith(b"\n") and (line := stream.readline(limit)):
            pass


@contextmanager
def feed_stream(
    argv: Sequence[str],
    *,
    stdout: BinaryIO,
    fence: Fence | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[BinaryIO]:
    """Start a program that writes to ``stdout``, and give its standard input to write to.

    :param fence: what it may use beside; None: nothing.
    :raises ToolMissing: the program is not installed.
    :raises ToolFailed: it ended with an error.
    """
    with tempfile.TemporaryFile() as words:
        process = start_program(
            full(argv),
            fence or Fence(Kind.PACKER),
            env=env,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=words,
            own_session=True,
        )
        pipe = cast(io.BufferedWriter, process.stdin)
        with ExitStack() as stack:
            stack.callback(process.wait)
            stack.callback(_kill, process)
            with suppress(BrokenPipeError):  # it ended early; its exit code says why
                yield pipe
            stack.pop_all()
        with suppress(BrokenPipeError):
            pipe.close()
        if process.wait():
            words.seek(0)
            raise ToolFailed(Completed(tuple(argv), process.returncode, b"", words.read(MAX_WORDS)))
