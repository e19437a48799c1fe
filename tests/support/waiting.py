"""Wait for something that happens in another process."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], bool], *, seconds: float = 60) -> None:
    """Return when it is so; the limit is far beyond what it takes."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)
