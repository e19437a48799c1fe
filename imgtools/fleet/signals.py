"""Preloaded by the workers of this machine: Ctrl-C of a terminal is the client's, which ends them in order."""

from __future__ import annotations

import signal


def dask_setup(worker: object) -> None:
    """Called by Dask in the main thread of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
