"""Python functions that a C library calls back: what they raise is kept until C has come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Raised(list[BaseException]):
    """What is raised in a ``with`` block of it, Ctrl-C included: nothing may fly through C."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        """Keep what was raised."""
        if error is not None:
            self.append(error)
        return True


def guarded(look: Callable[..., int], stop: int, failed: Raised) -> Callable[..., int]:
    """Make a callback that keeps what it raises, and then answers ``stop``: ctypes would print it and go on."""

    def call(*arguments: Any) -> int:  # Any: what the library hands over
        with failed:
            return look(*arguments)
        return stop

    return call
