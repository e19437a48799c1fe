"""The way back from an edit: what its disks held before, as changes of a plan, kept before the edit counts.

Whatever an edit did (files, UUIDs, what a program in the guest left), it wrote bytes of disks. Those that differ are
kept, each piece with the SHA-256 of what stands there instead: a way back that is taken too late is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from imgtools.change.change import WriteDisk
from imgtools.errors import EditFailed
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.image.differences import Ranges, Side

WINDOW = 1 << 20  # bytes that are compared at a time
GRAIN = 4096  # bytes that are kept or not; a block of most filesystems
LONGEST = 256 << 10  # bytes of one change
MOST = 96 << 20  # bytes of all: in base64 they are still a plan that imgtools apply reads

# Takes what the disks held. If it raises, the edit does not count.
Keep = Callable[[Iterator[WriteDisk]], None]

_KEEP: ContextVar[Keep | None] = ContextVar("way back", default=None)


@contextmanager
def keeping_way_back(keep: Keep) -> Iterator[None]:
    """Within this, ``keep`` is given the way back of each edit in place before that counts."""
    token = _KEEP.set(keep)
    try:
        yield
    finally:
        _KEEP.reset(token)


def keeper() -> Keep | None:
    """Return who wants ways back; None: nobody."""
    return _KEEP.get()


def way_back(before: Side, after: Side, ranges: Sequence[Ranges]) -> Iterator[WriteDisk]:
    """Yield what gives the disks back the bytes that they had.

    :param ranges: what the overlays hold.
    :raises EditFailed: it is too much for a plan.
    """
    disks = before.image.layout().disks
    total = 0
    for number, disk in enumerate(disks):
        for start, end in _changed(before, after, number, ranges[number]):
            total += end - start
            if total > MOST:
                raise EditFailed(
                    f"the way back is more than {format_size(MOST)}: nothing was written",
                    hint="keep a copy of the image, and make the change without a way back",
                )
            old, new = (side.servers[number].read(start, end - start) for side in (before, after))
            yield WriteDisk(disk.device, start, old, hashlib.sha256(new).hexdigest())


def _changed(before: Side, after: Side, number: int, ranges: Ranges) -> Iterator[tuple[int, int]]:
    """Yield where a disk differs, in whole grains; what follows each other is one, up to a bound."""
    start = end = -1
    for at in _differing_grains(before, after, number, ranges):
        stop = min(at + GRAIN, before.servers[number].size)
        if at == end and stop - start <= LONGEST:
            end = stop
            continue
        if end > start:
            yield start, end
        start, end = at, stop
    if end > start:
        yield start, end


def _differing_grains(before: Side, after: Side, number: int, ranges: Ranges) -> Iterator[int]:
    size = before.servers[number].size
    for first, last in ranges:
        for at in range(first, min(last, size), WINDOW):
            length = min(WINDOW, min(last, size) - at)
            old, new = (side.servers[number].read(at, length) for side in (before, after))
            if old == new:
                continue
            for place in range(0, length, GRAIN):
                if old[place : place + GRAIN] != new[place : place + GRAIN]:
                    yield at + place
