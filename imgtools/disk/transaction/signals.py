"""Signals that must wait until a commit is over."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted(reason: str) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP pass without effect until the block ends, with a word in the log.

    What they would have cut is done then, so there is nothing left to cut. Programs that are started in the block
    inherit the mask and are spared too: Ctrl-C on a terminal goes to all of them.
    """
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    handlers = {}
    # Only the main thread may set handlers, and only there Python runs them.
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.signal(number, note) for number in SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for known, handler in handlers.items():
            if handler is not None:  # None: it was not set from Python and cannot be put back
                signal.signal(known, handler)
        for number in came:
            log.warning("%s came when %s: that is done now", signal.Signals(number).name, reason)
