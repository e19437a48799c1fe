"""Who boots the appliance for an image: each for itself, as ever; nobody; or one appliance, for one after the other.

An appliance is shared by images that are asked in one process. A guest that takes over its kernel can see what is
asked after it: whoever shares says that the images may see each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from imgtools.engine.appliance.session import Boot

_BOOT: ContextVar[Boot | None] = ContextVar("boot", default=None)


class Deferred(BaseException):
    """An image needs the appliance, and is to be asked later; no error, so nobody on the way takes it for one."""


@contextmanager
def deferring() -> Iterator[None]:
    """Within this, whoever needs the appliance is stopped by :class:`Deferred`."""

    def refuse(servers: Sequence[object], drives: Sequence[object], memory: int) -> NoReturn:
        raise Deferred

    token = _BOOT.set(refuse)
    try:
        yield
    finally:
        _BOOT.reset(token)


@contextmanager
def sharing() -> Iterator[None]:
    """Within this, images that need the appliance take turns in one, which ends with the block."""
    from imgtools.engine.appliance.shared import SharedAppliance  # late: most images need no engine of it

    shared = SharedAppliance()
    token = _BOOT.set(shared.boot)
    try:
        yield
    finally:
        _BOOT.reset(token)
        shared.close()


def booting() -> Boot | None:
    """How the appliance is booted here; None: for each image by itself."""
    return _BOOT.get()
