"""What is shared within a process: the appliance, by one image after the other; an open image, by many commands.

An appliance is shared by images that are asked in one process. A guest that takes over its kernel can see what is
asked after it: whoever shares says that the images may see each other.

An image that stays open is what every command of a session gets that asks for it (:mod:`imgtools.image.planned`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from imgtools.engine.appliance.session import Boot
    from imgtools.image.handle import Image
    from imgtools.records.request import ImageRequest

_BOOT: ContextVar[Boot | None] = ContextVar("boot", default=None)
# Gives the open image that a request is about, or None; and of which process it is.
_STAYS: ContextVar[tuple[Callable[[ImageRequest], Image | None], int] | None] = ContextVar(
    "stays", default=None
)


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


@contextmanager
def staying(image_of: Callable[[ImageRequest], Image | None]) -> Iterator[None]:
    """Within this, who opens an image for reading gets the one that is open already.

    :param image_of: gives it for the requests that are about it.
    """
    token = _STAYS.set((image_of, os.getpid()))
    try:
        yield
    finally:
        _STAYS.reset(token)


def image_that_stays(request: ImageRequest) -> Image | None:
    """Return the open image that a request is about; None: it has to be opened.

    A copy of this process opens its own: two of them must not talk to one server.
    """
    stays = _STAYS.get()
    return stays[0](request) if stays is not None and stays[1] == os.getpid() else None
