"""The cells of a hive: the stretches of its bins that hold one thing each, used or free."""

from __future__ import annotations

import struct
from bisect import bisect_left, insort

from imgtools.engine.hive_log import BASE_BLOCK, PAGE, checksum, read_base_block
from imgtools.errors import OddGuest, shorten

NOTHING = 0xFFFFFFFF  # the offset of what is not there
BIN_HEADER = 32
SMALLEST = 8  # bytes of a cell, of which all sizes are multiples
MAX_BINS = 2 << 30  # bytes; offsets above mean volatile cells ("Hive bins data")

_MINOR, _ROOT, _BINS_SIZE = 24, 36, 40  # in the base block


class Cells:
    """The bins of one hive in memory. An offset is that of a cell's size, from the first bin on, as keys have it.

    :raises OddGuest: it is not a hive, it was not closed cleanly, or its bins are damaged.
    """

    def __init__(self, hive: bytes, name: str) -> None:
        self.name = name
        base = read_base_block(hive[:512])
        if base is None:
            raise OddGuest(f"not a registry hive: {shorten(name)}")
        if base.dirty:
            raise OddGuest(
                f"registry hive was not closed cleanly: {shorten(name)}",
                hint="--apply-log applies its transaction log first, as Windows would",
            )
        self._head = bytearray(hive[:BASE_BLOCK])
        self._bins = bytearray(hive[BASE_BLOCK : BASE_BLOCK + base.bins_size])
        self._free: dict[int, int] = {}  # where free cells begin, and how long they are
        self._ends: dict[int, int] = {}  # where they end, and begin
        self._by_size: list[tuple[int, int]] = []
        self._scan()
        self.root = struct.unpack_from("<I", self._head, _ROOT)[0]
        self.minor = struct.unpack_from("<I", self._head, _MINOR)[0]

    def _scan(self) -> None:
        bins, at = self._bins, 0
        while at < len(bins):
            magic, offset, size = struct.unpack_from("<4sII", bins, at)
            if magic != b"hbin" or offset != at or not size or size % PAGE or at + size > len(bins):
                raise self.damaged(f"its bin at {at}")
            here, end = at + BIN_HEADER, at + size
            while here < end:
                (length,) = struct.unpack_from("<i", bins, here)
                span = abs(length)
                if span < SMALLEST or span % SMALLEST or here + span > end:
                    raise self.damaged(f"its cell at {here}")
                if length > 0:
                    self._free[here] = span
                    self._ends[here + span] = here
                here += span
            at = end
        self._by_size = sorted((size, offset) for offset, size in self._free.items())

    # -- reading -------------------------------------------------------------------------------------------

    def read(self, offset: int, least: int = 0) -> bytes:
        """Return what a cell in use holds, with what is left of its length; ``least``: bytes that have to be there.

        :raises OddGuest: there is no such cell, or it is too short.
        """
        room = self._room(offset)
        if room < least:
            raise self.damaged(f"its cell at {offset}")
        return bytes(self._bins[offset + 4 : offset + 4 + room])

    def _room(self, offset: int) -> int:
        """How many bytes a cell in use holds."""
        if offset % SMALLEST or not 0 <= offset <= len(self._bins) - SMALLEST or offset in self._free:
            raise self.damaged(f"its cell at {offset}")
        (length,) = struct.unpack_from("<i", self._bins, offset)
        if length >= 0 or -length % SMALLEST or offset - length > len(self._bins):
            raise self.damaged(f"its cell at {offset}")
        return -int(length) - 4

    def damaged(self, what: str) -> OddGuest:
        """The error that names the hive."""
        return OddGuest(
            f"damaged registry hive {shorten(self.name)}: {what} cannot be read",
            hint="Windows keeps copies of its hives in /Windows/System32/config/RegBack",
        )

    @property
    def size(self) -> int:
        """Bytes of all bins."""
        return len(self._bins)

    @property
    def unused(self) -> int:
        """Bytes of the free cells."""
        return sum(self._free.values())

    # -- writing -------------------------------------------------------------------------------------------

    def write(self, offset: int, content: bytes) -> None:
        """Give a cell other content that is not longer than it is; the rest becomes zeros."""
        room = self._room(offset)
        assert len(content) <= room, "the cell is too short"
        self._bins[offset + 4 : offset + 4 + room] = content.ljust(room, b"\0")

    def add(self, content: bytes) -> int:
        """Put content into a free cell, the smallest that is long enough, or into a new bin; return where it is."""
        span = max(SMALLEST, -(-(4 + len(content)) // SMALLEST) * SMALLEST)
        at = bisect_left(self._by_size, (span, 0))
        if at == len(self._by_size):
            self._add_bin(span)
            at = bisect_left(self._by_size, (span, 0))
        length, offset = self._by_size[at]
        self._take(offset)
        if length > span:
            self._give(offset + span, length - span)
        struct.pack_into("<i", self._bins, offset, -span)
        self.write(offset, content)
        return offset

    def replace(self, offset: int, content: bytes) -> int:
        """Give a cell other content, in its place if it fits there and does not waste half of it."""
        room = self._room(offset)
        if room // 2 <= len(content) <= room:
            self.write(offset, content)
            return offset
        self.free(offset)
        return self.add(content)

    def free(self, offset: int) -> None:
        """Give a cell back. What it held is overwritten: what was removed must not be found in the file."""
        span = self._room(offset) + 4
        before, after = self._ends.get(offset), offset + span
        if after in self._free:  # never of the next bin: its header is between them
            span += self._take(after)
        if before is not None:
            span += self._take(before)
            offset = before
        self._give(offset, span)

    def _take(self, offset: int) -> int:
        span = self._free.pop(offset)
        del self._ends[offset + span]
        del self._by_size[bisect_left(self._by_size, (span, offset))]
        return span

    def _give(self, offset: int, span: int) -> None:
        self._bins[offset : offset + span] = struct.pack("<i", span).ljust(span, b"\0")
        self._free[offset] = span
        self._ends[offset + span] = offset
        insort(self._by_size, (span, offset))

    def _add_bin(self, span: int) -> None:
        at = len(self._bins)
        size = -(-(BIN_HEADER + span) // PAGE) * PAGE
        if at + size > MAX_BINS:
            raise OddGuest(
                f"registry hive {shorten(self.name)} would become larger than {MAX_BINS >> 30} GiB"
            )
        self._bins += struct.pack("<4sII20x", b"hbin", at, size).ljust(size, b"\0")
        self._give(at + BIN_HEADER, size - BIN_HEADER)

    def emptied(self) -> Cells:
        """A hive without a bin, and with the same base block, for what is to be written anew."""
        head = bytearray(self._head)
        struct.pack_into("<I", head, _BINS_SIZE, 0)
        struct.pack_into("<I", head, 508, checksum(bytes(head)))
        return Cells(bytes(head), self.name)

    def finish(self, now: int) -> bytes:
        """Return the hive as Windows leaves one that it closed: both sequence numbers are the next one.

        :param now: the time that it was written, a FILETIME.
        """
        head = self._head
        (sequence,) = struct.unpack_from("<I", head, 4)
        sequence = (sequence + 1) & 0xFFFFFFFF
        struct.pack_into("<IIQ", head, 4, sequence, sequence, now)
        struct.pack_into("<II", head, _ROOT, self.root, len(self._bins))
        struct.pack_into("<I", head, 508, checksum(bytes(head)))
        return bytes(head) + bytes(self._bins)
