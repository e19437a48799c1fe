"""Processes that are copies of ours: they cost no start, and keep nothing of ours but what they are given."""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from imgtools.engine.confined.libc import LIBC

SET_NAME = 15  # PR_SET_NAME of linux/prctl.h
MOST_DESCRIPTORS = 1 << 20  # RLIMIT_NOFILE can be without limit, and closing is one call

_prctl = LIBC.prctl


class Forked:
    """A copy of this process that does one thing; as ``subprocess.Popen``, as far as it goes."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, minus the signal that ended it, or None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody has asked before us
                self.returncode = 0
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return its exit code.

        :raises subprocess.TimeoutExpired: it does not end in so many seconds.
        """
        if self.poll() is None:
            with suppress(ProcessLookupError, ChildProcessError):
                ended = os.pidfd_open(self.pid)
                try:
                    if not select.select([ended], [], [], timeout)[0]:
                        raise subprocess.TimeoutExpired("a copy of imgtools", timeout or 0)
                finally:
                    os.close(ended)
                # It has ended; who traces it may hear of that before we do, so this may take a moment.
                self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.poll() or 0

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def fork(name: str, body: Callable[[], int], keep_open: Sequence[int]) -> Forked:
    """Do something in a copy of this process, in a session of its own, and end with the code that it returns.

    :param name: what ps(1) calls it; 15 letters are shown.
    :param keep_open: the descriptors that the copy keeps; all others are closed in it, standard ones lead nowhere.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    gc.freeze()  # what is there already is not looked through again, here or there, so that its memory stays shared
    pid = os.fork()
    if pid:
        gc.unfreeze()
        return Forked(pid)
    code = 1
    try:
        sys.setprofile(None)
        _settle(name, keep_open)
        code = body()
    finally:  # it has no caller: nothing may come back out of it
        os._exit(code)


def _settle(name: str, keep_open: Sequence[int]) -> None:
    _prctl(SET_NAME, name.encode(), 0, 0, 0)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGPIPE else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        if standard not in keep_open:
            os.dup2(nowhere, standard)
    kept = sorted({0, 1, 2, *keep_open})
    for low, high in zip(kept, [*kept[1:], MOST_DESCRIPTORS], strict=True):
        os.closerange(low + 1, high)
