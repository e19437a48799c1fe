"""Transaction logs of registry hives: what Windows replays when it loads a hive that was not closed cleanly.

A guest that crashed, or whose disk was snapshotted while it ran, leaves hives whose newest changes are only in
``SYSTEM.LOG1`` and ``SYSTEM.LOG2``. hivex knows nothing of them, so they are replayed here onto a copy of the
hive, as Windows would at the next boot.

Source: "Windows registry file format specification" (github.com/msuhanov/regf), "Format of transaction log
files" and "Dirty state of a hive".
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.errors import OddGuest

BASE_BLOCK = 4096  # bytes before the hive bins
SECTOR = 512
PAGE = 4096
MAX_HIVE = 512 << 20  # bytes; Windows' own SOFTWARE hives reach about 150 MiB
MAX_LOG = 64 << 20  # bytes; Windows replays and empties a log long before

_LOG_OLD, _LOG_OLDER, _LOG_NEW = 1, 2, 6  # "File type" of a base block; 0 is a hive itself
_SEED = 0x82EF4D887A4E55C5  # of the Marvin32 checksums in log entries
_MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class BaseBlock:
    """The header of a hive, or the copy of it that begins a log. Times are Windows' FILETIME."""

    primary: int  # sequence number written before a change
    secondary: int  # sequence number written after it
    written: int
    file_type: int
    bins_size: int
    intact: bool  # the checksum is right

    @property
    def dirty(self) -> bool:
        """Whether Windows would replay logs before it used this hive."""
        return not self.intact or self.primary != self.secondary


NO_BASE_BLOCK = BaseBlock(0, 0, 0, 0, 0, intact=False)  # that of a hive whose own is lost


def read_base_block(head: bytes) -> BaseBlock | None:
    """Read the base block from the first 512 bytes of a hive or log; None if it is neither."""
    if len(head) < SECTOR or head[:4] != b"regf":
        return None
    primary, secondary, written = struct.unpack_from("<IIQ", head, 4)
    (file_type,) = struct.unpack_from("<I", head, 28)
    (bins_size,) = struct.unpack_from("<I", head, 40)
    (stored,) = struct.unpack_from("<I", head, 508)
    return BaseBlock(primary, secondary, written, file_type, bins_size, stored == checksum(head))


def checksum(head: bytes) -> int:
    """Return the checksum of a base block: XOR of its first 127 words; 0 and -1 are never used."""
    total = 0
    for (word,) in struct.iter_unpack("<I", head[:508]):
        total ^= word
    return {0: 1, _MASK: _MASK - 1}.get(total, total)


def replay(descriptor: int, base: BaseBlock, logs: Sequence[bytes]) -> int:
    """Apply to the hive in ``descriptor`` what its logs still hold; return how many log records were applied.

    0 means that no log fits the hive, and that the hive was left as it is.
    """
    heads = [
        (log, head) for log in logs if (head := read_base_block(log[:SECTOR])) is not None and head.intact
    ]
    entries = _pending_entries(base, [log for log, head in heads if head.file_type == _LOG_NEW])
    for entry in entries:
        entry.apply(descriptor)
    if entries:
        _close(descriptor, entries[-1].bins_size, entries[-1].sequence, [log for log, _ in heads])
        return len(entries)
    return _replay_old(descriptor, base, heads)


def replayed(hive: bytes, logs: Sequence[bytes], name: str) -> bytes:
    """Return a hive with what its logs hold written into it, and closed; one that was closed is left as it is.

    :raises OddGuest: it was not closed, and no log fits it.
    """
    base = read_base_block(hive[:SECTOR])
    if base is None or not base.dirty:
        return hive
    descriptor = os.memfd_create("hive")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as stream:
            stream.write(hive)
        if not replay(descriptor, base, logs):
            raise OddGuest(
                f"no transaction log fits the registry hive {name}",
                hint="start the guest once, or put a copy of the hive in its place",
            )
        settle_length(descriptor)
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            stream.seek(0)
            return stream.read()
    finally:
        os.close(descriptor)


# -- the format since Windows 8.1: a list of entries, each with a sequence number ---------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    sequence: int
    begins: bool  # it is the first of its log
    bins_size: int
    pages: tuple[tuple[int, bytes], ...]  # offset in the hive bins, content

    def apply(self, descriptor: int) -> None:
        for offset, content in self.pages:
            os.pwrite(descriptor, content, BASE_BLOCK + offset)


def _pending_entries(base: BaseBlock, logs: Sequence[bytes]) -> list[_Entry]:
    """Return the entries that the hive has not seen, in order and without a gap, from all logs together.

    The first of them need not have the hive's own number: Windows 10 counts further when it begins a log anew.
    """
    oldest = base.secondary if base.intact else 0
    found = {entry.sequence: entry for log in logs for entry in _entries(log, oldest)}
    begins = [entry.sequence for entry in found.values() if entry.begins]
    following: list[_Entry] = []
    sequence = oldest if oldest in found else min(begins, default=oldest)
    while (entry := found.get(sequence)) is not None:
        following.append(entry)
        sequence = (sequence + 1) & _MASK
    return following


def _entries(log: bytes, first_sequence: int) -> Iterator[_Entry]:
    """Yield the valid entries of one log that are as new as ``first_sequence``.

    One that is bad ends the log, and one that does not follow the one before: it is of an earlier round.
    """
    position, before = SECTOR, None
    while position + 40 <= len(log) and log[position : position + 4] == b"HvLE":
        size, _, sequence, bins_size, count = struct.unpack_from("<5I", log, position + 4)
        record = log[position : position + size]
        if size < 40 or size % SECTOR or len(record) < size or bins_size % PAGE or bins_size > MAX_HIVE:
            return
        if before is not None and sequence != (before + 1) & _MASK:
            return
        before = sequence
        if sequence >= first_sequence:
            body, head = struct.unpack_from("<QQ", record, 24)
            pages = _pages(record, count, bins_size)
            if marvin32(record[:32]) != head or marvin32(record[40:]) != body or pages is None:
                return
            yield _Entry(sequence, position == SECTOR, bins_size, pages)
        position += size


def _pages(record: bytes, count: int, bins_size: int) -> tuple[tuple[int, bytes], ...] | None:
    """Return the pages that an entry carries, or None if they do not fit the entry or the hive."""
    position = 40 + 8 * count
    if position > len(record):
        return None
    pages = []
    for offset, size in struct.iter_unpack("<II", record[40:position]):
        if position + size > len(record) or offset + size > bins_size:
            return None
        pages.append((offset, record[position : position + size]))
        position += size
    return tuple(pages)


def marvin32(data: bytes, seed: int = _SEED) -> int:
    """Return the Marvin32 checksum (64 bits) of ``data``, as SymCrypt of Windows computes it."""
    low, high = seed & _MASK, seed >> 32
    padded = data + b"\x80" + bytes(-(len(data) + 1) % 4 + 4)
    for (word,) in struct.iter_unpack("<I", padded):
        low = (low + word) & _MASK
        high ^= low
        low = ((low << 20 | low >> 12) + high) & _MASK
        high = (high << 9 | high >> 23) & _MASK ^ low
        low = ((low << 27 | low >> 5) + high) & _MASK
        high = (high << 19 | high >> 13) & _MASK
    return high << 32 | low


# -- the older format: one bitmap of dirty sectors, and those sectors ----------------------------------------


def _replay_old(descriptor: int, base: BaseBlock, heads: Sequence[tuple[bytes, BaseBlock]]) -> int:
    """Apply the log that was written together with this hive (the times say so)."""
    written = base.written
    if not base.intact:  # then the first hive bin tells the time
        stamp = os.pread(descriptor, 8, BASE_BLOCK + 20)
        written = int.from_bytes(stamp, "little")
    for log, head in heads:
        fits = head.file_type in (_LOG_OLD, _LOG_OLDER) and head.primary == head.secondary
        if (
            not fits
            or head.written != written
            or log[SECTOR : SECTOR + 4] != b"DIRT"
            or head.bins_size > MAX_HIVE
        ):
            continue
        if (sectors := list(_dirty_sectors(log, head.bins_size))) and all(content for _, content in sectors):
            for offset, content in sectors:
                os.pwrite(descriptor, content, BASE_BLOCK + offset)
            _close(descriptor, head.bins_size, head.primary, [log])
            return 1
    return 0


def _dirty_sectors(log: bytes, bins_size: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset in the hive bins and content of every dirty sector; no content if the log is cut short."""
    length = bins_size // SECTOR // 8
    bitmap = log[SECTOR + 4 : SECTOR + 4 + length]
    position = -(-(SECTOR + 4 + length) // SECTOR) * SECTOR
    for number, byte in enumerate(bitmap):
        for bit in range(8):
            if byte >> bit & 1:
                content = log[position : position + SECTOR]
                yield (number * 8 + bit) * SECTOR, content if len(content) == SECTOR else b""
                position += SECTOR


# -- the length ------------------------------------------------------------------------------------------------


def has_bins(descriptor: int) -> bool:
    """Whether the first hive bin is where it has to be."""
    return os.pread(descriptor, 4, BASE_BLOCK) == b"hbin"


def settle_length(descriptor: int) -> None:
    """Make the base block and the file tell the same length: that of the hive bins which follow one another.

    There may be more of them than a base block says that was not written any more, and behind them anything at all:
    Windows does not cut a hive that becomes shorter. A checksum that is wrong, and that no log made right, is made
    right: the hive is dirty, and read as it is.
    """
    head = bytearray(os.pread(descriptor, SECTOR, 0))
    base = read_base_block(bytes(head))
    if base is None:
        return
    size = os.fstat(descriptor).st_size - BASE_BLOCK
    end = 0
    while end < size:
        magic, offset, length = struct.unpack(
            "<4sII", os.pread(descriptor, 12, BASE_BLOCK + end).ljust(12, b"\0")
        )
        if magic != b"hbin" or offset != end or not length or length % PAGE or length > size - end:
            break
        end += length
    if end < base.bins_size <= size:
        return  # a bin that is damaged: hivex says so
    os.ftruncate(descriptor, BASE_BLOCK + end)
    if end != base.bins_size or not base.intact:
        struct.pack_into("<I", head, 40, end)
        struct.pack_into("<I", head, 508, checksum(bytes(head)))
        os.pwrite(descriptor, bytes(head), 0)


def _close(descriptor: int, bins_size: int, sequence: int, logs: Sequence[bytes]) -> None:
    """Make the base block say that the hive is whole; a damaged one is taken from the log's copy first."""
    head = bytearray(os.pread(descriptor, SECTOR, 0))
    base = read_base_block(bytes(head))
    if (base is None or not base.intact) and logs:
        head = bytearray(logs[0][:SECTOR])
        struct.pack_into("<I", head, 28, 0)
    struct.pack_into("<II", head, 4, sequence, sequence)
    struct.pack_into("<I", head, 40, bins_size)
    struct.pack_into("<I", head, 508, checksum(bytes(head)))
    os.pwrite(descriptor, bytes(head), 0)
    if os.fstat(descriptor).st_size < BASE_BLOCK + bins_size:
        os.ftruncate(descriptor, BASE_BLOCK + bins_size)
