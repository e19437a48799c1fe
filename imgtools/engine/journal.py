"""systemd journals, read by the host's journalctl from copies.

The header of a journal file says which times it covers, so only the files that matter are copied. libsystemd
refuses a file without a name, therefore the copy lies in a private folder, which is removed with the reader.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.process import Fence, Kind, Limits
from imgtools.engine.stream import open_stream, read_lines
from imgtools.errors import HostError
from imgtools.units import parse_count

HEADER_SIZE = 208
MAGIC = b"LPKSHHRH"  # systemd, docs/JOURNAL_FILE_FORMAT.md, "Header"
LIMITS = Limits(seconds=None, memory=2 << 30, cpu=600)
MAX_SIZE = 4 << 30  # bytes; journald-file.c, JOURNAL_COMPACT_SIZE_MAX: none of its own is larger
LINE_LIMIT = 1 << 20  # bytes of one entry as JSON; a larger one is counted and left out
CHUNK = 1 << 20
FIELDS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_PID,SYSLOG_PID,_SYSTEMD_UNIT,UNIT,_HOSTNAME,_TRANSPORT"


@dataclass(frozen=True, slots=True)
class JournalHeader:
    """What a journal file says of itself. Times are nanoseconds since 1970."""

    machine_id: str
    entries: int
    first: int
    last: int
    online: bool  # still open for writing when the guest stopped
    size: int  # bytes of the file that are the journal: header and arena


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry. ``time`` is nanoseconds since 1970; empty strings and None are fields it does not have."""

    time: int
    message: str
    priority: int | None = None
    identifier: str = ""
    pid: int | None = None
    unit: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class JournalWish:
    """Which entries journalctl gives; None and empty mean all. Times are nanoseconds since 1970.

    ``last_boot``: only those of the last boot in the file. ``newest``: no more than so many, from the end. ``matches``:
    only with one of these fields, as journalctl(1) takes them: ``_TRANSPORT=kernel``.
    """

    since: int | None = None
    until: int | None = None
    units: tuple[str, ...] = ()
    priority: int | None = None  # this and more urgent
    newest_first: bool = False
    last_boot: bool = False
    newest: int | None = None
    matches: tuple[str, ...] = ()


def read_journal_header(head: bytes) -> JournalHeader | None:
    """Read the first 208 bytes of a journal file; None if it is not one."""
    if len(head) < HEADER_SIZE or head[:8] != MAGIC:
        return None
    entries, _, _, _, first, last = struct.unpack_from("<6Q", head, 152)
    size = sum(struct.unpack_from("<2Q", head, 88))
    return JournalHeader(head[40:56].hex(), entries, first * 1000, last * 1000, head[16] == 1, size)


@contextmanager
def copy_journal(source: BinaryIO) -> Iterator[Path]:
    """Copy one journal file into a private folder, holes kept, and remove it at the end.

    What is behind the journal's own end, or behind the 4 GiB that journald knows, is not copied.

    :raises HostError: there is no room for it.
    """
    with scratch_folder() as folder:
        path = folder / "guest.journal"
        try:
            with path.open("wb") as target:
                for piece in _pieces(source):
                    if piece.strip(b"\0"):
                        target.write(piece)
                    else:
                        target.seek(len(piece), 1)
                target.truncate()
        except OSError as error:
            free = shutil.disk_usage(folder).free
            raise HostError(
                f"cannot copy the guest's journal to {folder}: {error.strerror}; {free >> 20} MiB are free",
                hint="set TMPDIR to a folder with more room",
            ) from None
        yield path


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    """Yield a journal file as far as it says that it reaches."""
    piece = source.read(HEADER_SIZE)
    header = read_journal_header(piece)
    left = MAX_SIZE if header is None else min(MAX_SIZE, header.size)
    while piece:
        yield piece[:left]
        left -= len(piece)
        piece = source.read(min(CHUNK, left)) if left > 0 else b""


def read_journal(path: Path, wish: JournalWish) -> Iterator[JournalEntry]:
    """Yield the entries of one journal file on the host.

    :raises ToolMissing: journalctl is not installed.
    :raises ToolFailed: it cannot read the file, or stopped in the middle.
    """
    with open_stream(_command(path, wish), Fence(Kind.READER, (path,)), limits=LIMITS) as stream:
        for line in read_lines(stream, limit=LINE_LIMIT):
            entry = parse_entry(line)
            if entry is not None:
                yield entry


def _command(path: Path, wish: JournalWish) -> Sequence[str]:
    command = ["journalctl", f"--file={path}", "--output=json", "--all", "--no-pager", "--quiet"]
    command.append(f"--output-fields={FIELDS}")
    command += ["--reverse"] if wish.newest_first else []
    command += [f"--since={_moment(wish.since)}"] if wish.since is not None else []
    command += [f"--until={_moment(wish.until)}"] if wish.until is not None else []
    command += [f"--priority={wish.priority}"] if wish.priority is not None else []
    command += (
        ["--boot"] if wish.last_boot else []
    )  # with --file it is the last one in the file, not the host's
    command += [f"--lines={wish.newest}"] if wish.newest is not None else []
    command += [f"--unit={unit}" for unit in wish.units]
    alternatives = [word for match in wish.matches for word in (match, "+")]
    return command + alternatives[:-1]


def _moment(nanoseconds: int) -> str:
    """A time for journalctl, which knows microseconds."""
    seconds, rest = divmod(max(nanoseconds, 0) // 1000, 10**6)
    return f"@{seconds}.{rest:06d}"


def parse_entry(line: bytes) -> JournalEntry | None:
    """Read one line of ``journalctl --output=json``; None if it was cut or is not an entry."""
    try:
        fields = json.loads(line)
        time = int(fields["__REALTIME_TIMESTAMP"]) * 1000
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return JournalEntry(
        time,
        _text(fields.get("MESSAGE")),
        _number(fields.get("PRIORITY")),
        _text(fields.get("SYSLOG_IDENTIFIER")) or _text(fields.get("_COMM")),
        _number(fields.get("_PID") or fields.get("SYSLOG_PID")),
        # systemd itself speaks of units: then UNIT is the one that is meant.
        _text(fields.get("UNIT")) or _text(fields.get("_SYSTEMD_UNIT")),
        _text(fields.get("_HOSTNAME")),
    )


def _text(value: object) -> str:
    """A field's text. Bytes that are not UTF-8 come as a list of numbers, a repeated field as a list of texts."""
    if isinstance(value, list) and value and not isinstance(value[0], int):
        value = value[0]
    if isinstance(value, list) and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        return bytes(value).decode("utf-8", "surrogateescape")
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return parse_count(_text(value))
