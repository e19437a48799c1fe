"""Run a program as long as it has something to say: how a machine that hangs is told from one that works."""

from __future__ import annotations

import io
import logging
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from imgtools.engine.confined.start import start_program
from imgtools.engine.process import HOST, full

log = logging.getLogger(__name__)

MOST = 1 << 20  # bytes that are listened to; a kernel's start is some 25 KiB
ENDING_SECONDS = 0.5  # from the end of its output to its own end


@dataclass(frozen=True, slots=True)
class Heard:
    """What a program said.

    :param output: its standard output, as far as it was listened to.
    :param complaint: its standard error.
    :param code: its exit code; None: it was ended by us.
    :param silent: it was ended because it had fallen silent.
    :param seconds: how long it ran.
    """

    output: bytes
    complaint: bytes
    code: int | None
    silent: bool
    seconds: float


def run_while_heard(argv: Sequence[str], *, silence: float, seconds: float, until: bytes) -> Heard:
    """Run a program until it says ``until``, ends, falls silent, or time is up; end it and what it has started then.

    :param silence: how many seconds it may say nothing.
    :raises ToolMissing: it is not installed.
    """
    log.debug("run while it is heard: %s", shlex.join(argv))
    began = time.monotonic()
    with io.FileIO(os.memfd_create("stderr"), "r+") as words:
        # A group of its own, which is ended as a whole. No guest is there yet: it boots a kernel of the host.
        process = start_program(full(argv), HOST, stderr=words, own_session=True)
        try:
            output, silent = _hear(process, silence, began + seconds, until)
            code = _code_of(process)
        finally:
            _end(process)
        words.seek(0)
        complaint = words.read(MOST) or b""
    return Heard(output, complaint, code, silent, time.monotonic() - began)


def _hear(
    process: subprocess.Popen[bytes], silence: float, deadline: float, until: bytes
) -> tuple[bytes, bool]:
    """Return what a program says, and whether it fell silent rather than came to an end."""
    assert process.stdout is not None
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while until not in output and len(output) < MOST:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            if not selector.select(min(silence, left)):
                return output, silence <= left
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:  # it has ended, or is about to
                with suppress(subprocess.TimeoutExpired):
                    process.wait(ENDING_SECONDS)
                break
            output += piece
    return output, False


def _code_of(process: subprocess.Popen[bytes]) -> int | None:
    code = process.poll()
    return 128 - code if code is not None and code < 0 else code


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
