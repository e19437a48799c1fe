"""Give room of an image back to the host by QEMU's own code, or let an overlay read as zeros in its place.

A discarded range of an image reads as zeros afterwards, also where a backing file has bytes below it: QEMU writes an
entry that says so (qcow2_co_pdiscard). The tables of a qcow2 are written in an order in which a cut leaks clusters at
worst, so flushes reach the disk here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.engine.qemu.block import connect
from imgtools.engine.qemu.nodes import Node, discarding, overlay_node, shared_below
from imgtools.engine.qemu.overlay import create_scratch
from imgtools.engine.qemu.storage_daemon import serve_nodes
from imgtools.errors import EngineFailed, NoRoom
from imgtools.records.progress import Progress
from imgtools.volumes.ranges import Range, Ranges, total

if TYPE_CHECKING:
    import nbd

AT_ONCE = 256 << 20  # bytes in one request: between two of them progress is shown, and a signal is heard


def give_back(image: Node, free: Ranges, zero: Ranges = (), progress: Progress | None = None) -> None:
    """Tell QEMU that ranges of an image are not needed; the host gets what they take.

    :param free: a part of a cluster at their edges may stay as it is.
    :param zero: these read as zeros afterwards, to the byte.
    :raises ImageInUse: another program has the image.
    :raises EngineFailed: QEMU or the host's filesystem does not do it.
    """
    with _writing(discarding(image), flushes=True) as handle:
        done, whole = 0, total(free) + total(zero)
        for call, ranges in ((handle.trim, free), (handle.zero, zero)):
            for start, end in _in_pieces(ranges):
                _do(call, start, end)
                done += end - start
                if progress:
                    progress(done, whole)
        if zero:  # what was only written as zeros is given back too
            for start, end in _in_pieces(zero):
                _do(handle.trim, start, end)
        _do(lambda _length, _offset: handle.flush(), 0, 0)


def make_view(overlay: Path, below: Node, size: int, zero: Ranges) -> None:
    """Make an overlay on a disk that is only read, in which ranges read as zeros and take no room.

    :param overlay: the new file.
    :param zero: in whole pieces of :data:`imgtools.engine.qemu.overlay.FINE` bytes.
    :raises NoRoom: the overlay's tables do not fit.
    """
    create_scratch(overlay, size, fine=True)
    with _writing(shared_below(overlay_node(overlay, below)), flushes=False) as handle:
        for start, end in _in_pieces(zero):
            _do(handle.zero, start, end)
        _do(lambda _length, _offset: handle.flush(), 0, 0)


@contextmanager
def _writing(node: Node, *, flushes: bool) -> Iterator[nbd.NBD]:
    import nbd

    with serve_nodes([node], flushes=flushes) as daemon:
        (name,) = daemon.export_nbd()
        handle = connect(daemon.nbd_socket, export=name)
        try:
            yield handle
        finally:
            try:
                handle.shutdown()
            except nbd.Error as error:
                raise EngineFailed(f"qemu-storage-daemon went away: {error.string}") from None


def _do(call: Callable[[int, int], None], start: int, end: int) -> None:
    import nbd

    try:
        call(end - start, start)
    except nbd.Error as error:
        if error.errno == "ENOSPC":
            raise NoRoom("the host has no room for the tables of it") from None
        raise EngineFailed(f"QEMU does not give back byte {start} to {end}: {error.string}") from None


def _in_pieces(ranges: Sequence[Range]) -> Iterator[Range]:
    for start, end in ranges:
        for at in range(start, end, AT_ONCE):
            yield at, min(at + AT_ONCE, end)
