"""What was fetched of a remote image, kept in a private file of bounded size, so that it is fetched once.

Blocks are of 64 KiB: a reader of filesystems asks for pieces of 4 to 32 KiB that lie near each other, and a request
costs a way there and back. Who reads on from where the last request ended gets twice as much as the last time, up to
4 MiB. When the file is full, what was used longest ago makes room for small pieces; a copy of a whole image passes by.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack

BLOCK = 64 << 10
MOST_AHEAD = 4 << 20  # bytes
SMALL = 1 << 20  # bytes: what is asked for in larger pieces takes nobody's place
PLACES = 8  # readers that read on, each in its place, that are known

Fetch = Callable[[int, int], bytes]


class BlockCache:
    """Reads through a file; several threads may at once, and what one is fetching the others wait for.

    :param fetch: returns exactly so many bytes from a place of the image.
    :param size: bytes of the image.
    :param descriptor: an empty file, which nobody else has; -1: nothing is kept but what is just being used.
    :param room: bytes that it may have.
    """

    def __init__(self, fetch: Fetch, size: int, descriptor: int, room: int) -> None:
        self._fetch, self._size = fetch, size
        self._file = descriptor
        self._slots = room // BLOCK if descriptor >= 0 else 0  # as many as there may be
        self._made = 0
        self._kept: OrderedDict[int, int] = OrderedDict()  # block: its slot in the file, used last at the end
        self._coming: dict[int, Future[bytes]] = {}
        self._ends: OrderedDict[int, int] = (
            OrderedDict()
        )  # block where somebody may read on: blocks fetched last
        self._lock = threading.Lock()
        self.fetched = 0
        self.requests = 0

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes, which have to be in the image.

        :raises ImgtoolsError: as ``fetch`` does.
        """
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        parts: dict[int, bytes] = {}
        waiting: dict[int, Future[bytes]] = {}
        with self._lock:
            missing: list[range] = []
            for block in range(first, last + 1):
                if (slot := self._kept.get(block)) is not None:
                    self._kept.move_to_end(block)
                    parts[block] = self._from_file(block, slot)
                elif (coming := self._coming.get(block)) is not None:
                    waiting[block] = coming
                elif missing and missing[-1].stop == block:
                    missing[-1] = range(missing[-1].start, block + 1)
                else:
                    missing.append(range(block, block + 1))
            runs = [self._with_ahead(run) for run in missing]
            ours: dict[int, Future[bytes]] = {block: Future() for run in runs for block in run}
            self._coming |= ours
        with ExitStack() as undo:
            undo.callback(self._give_up, ours)
            for run in runs:
                parts |= self._fetch_run(run, is_small=length < SMALL)
        parts |= {block: coming.result() for block, coming in waiting.items()}
        whole = b"".join(parts[block] for block in range(first, last + 1))
        return whole[offset - first * BLOCK :][:length]

    def kept(self, offset: int, length: int) -> bytes | None:
        """Return ``length`` bytes if they are here already; None: they have to be fetched."""
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        with self._lock:
            slots = [self._kept.get(block) for block in range(first, last + 1)]
            if None in slots:
                return None
            for block in range(first, last + 1):
                self._kept.move_to_end(block)
            whole = b"".join(
                self._from_file(first + i, slot) for i, slot in enumerate(slots) if slot is not None
            )
        return whole[offset - first * BLOCK :][:length]

    def _with_ahead(self, run: range) -> range:
        """A run that is longer, where somebody reads on; the lock is held."""
        before = self._ends.pop(run.start, 0)
        stop = run.stop
        if before:
            blocks = -(-self._size // BLOCK)
            furthest = min(blocks, run.start + max(len(run), min(2 * before, MOST_AHEAD // BLOCK)))
            while stop < furthest and stop not in self._kept and stop not in self._coming:
                stop += 1
        self._ends[stop] = stop - run.start
        while len(self._ends) > PLACES:
            self._ends.popitem(last=False)
        return range(run.start, stop)

    def _fetch_run(self, run: range, *, is_small: bool) -> dict[int, bytes]:
        start = run.start * BLOCK
        length = min(run.stop * BLOCK, self._size) - start
        content = self._fetch(start, length)
        parts = {block: content[(block - run.start) * BLOCK :][:BLOCK] for block in run}
        with self._lock:
            self.fetched += length
            self.requests += 1
            for block, part in parts.items():
                self._keep(block, part, is_small=is_small)
                self._coming.pop(block).set_result(part)
        return parts

    def _give_up(self, ours: Mapping[int, Future[bytes]]) -> None:
        """Tell those that wait for what has not come that it does not."""
        with self._lock:
            for block, future in ours.items():
                if not future.done():
                    del self._coming[block]
                    future.set_exception(OSError("what another thread was fetching does not come"))

    # -- the file; the lock is held ------------------------------------------------------------------------

    def _keep(self, block: int, part: bytes, *, is_small: bool) -> None:
        if self._made < self._slots:
            slot, self._made = self._made, self._made + 1
        elif is_small and self._kept:
            _, slot = self._kept.popitem(last=False)
        else:
            return
        try:
            done = os.pwrite(self._file, part, slot * BLOCK)
        except OSError:
            done = 0
        if done == len(part):
            self._kept[block] = slot
        else:  # the disk is full: no further slots are made, and this one is lost
            self._slots = 0

    def _from_file(self, block: int, slot: int) -> bytes:
        length = min(BLOCK, self._size - block * BLOCK)
        content = os.pread(self._file, length, slot * BLOCK)
        if len(content) != length:
            raise OSError("the file of what was fetched is cut")
        return content
