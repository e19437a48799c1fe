"""What the kernel and the first program of a Linux guest wrote at its last boot, read from the end of its logs.

The journal, where there is one, else the kernel's text log and the one of everything; only the kernel's own lines and
those of systemd and of what writes the logs are taken, for other programs may log whatever somebody sends them. All of
it is bounded: a diagnosis does not read a log of gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.engine.journal import (
    HEADER_SIZE,
    JournalHeader,
    JournalWish,
    copy_journal,
    read_journal,
    read_journal_header,
)
from imgtools.engine.process import ToolFailed
from imgtools.errors import GuestFileError, HostError
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.logs.which import JOURNALS
from imgtools.records.files import FileKind

MOST_ENTRIES = 3000  # of a journal, from its end
MOST_FILES = 2000  # of a journal that are looked at
LARGEST_JOURNAL = 256 << 20  # bytes; journald rotates at 128 MiB by default
TAIL = 512 << 10  # bytes of a text log
WHOLE = 8 << 20  # bytes of a text log that are counted for the numbers of lines
SPEAKERS = (
    "_TRANSPORT=kernel",
    "SYSLOG_IDENTIFIER=kernel",
    "SYSLOG_IDENTIFIER=systemd",
    "SYSLOG_IDENTIFIER=systemd-fsck",
    "SYSLOG_IDENTIFIER=systemd-journald",
    "SYSLOG_IDENTIFIER=systemd-tmpfiles",
    "SYSLOG_IDENTIFIER=rsyslogd",
)
TEXT_LOGS = ("/var/log/kern.log", "/var/log/messages", "/var/log/syslog", "/var/log/dmesg")
RING_BUFFER = "/var/log/dmesg"  # all of it is the kernel's, of one boot
# rsyslog's and busybox's prefix, up to who speaks: "Mar  1 12:00:00 host kernel: [    1.2] text".
PREFIX = re.compile(
    r"^.{0,80}? (?:kernel|systemd(?:-fsck|-journald|-tmpfiles)?|rsyslogd)(?:\[\d{1,10}\])?: "
    r"(?:\[ *\d{1,9}\.\d{1,9}\] ?)?(.*)$"
)
BANNER = re.compile(r"(?:^|kernel: |\] ?)Linux version \d")
PSTORE = "/var/lib/systemd/pstore"
PSTORE_LIMIT = 256 << 10
PSTORE_FILES = 500


@dataclass(frozen=True, slots=True)
class ToldLine:
    """A line of a log: ``path`` and ``line`` say where it is (0: in a journal, or not counted)."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class LastLog:
    """What the logs hold of the last boot, oldest first.

    ``began`` is the time of its first line, in nanoseconds since 1970, None where it is not told. ``reason`` says why
    there is nothing, or not all.
    """

    lines: tuple[ToldLine, ...] = ()
    began: int | None = None
    reason: str = ""


def read_last_boot(files: GuestReader) -> LastLog:
    """Return what the kernel and systemd wrote at the last boot."""
    found = list(_journals(files))
    if found:
        return _of_journal(files, *max(found, key=lambda one: one[1].last))
    for path in TEXT_LOGS:
        if files.is_file(path) and files.stat(path).size:
            lines = tuple(_of_text(files, path))
            if lines:
                return LastLog(lines)
    return LastLog(reason="no log of a boot is there")


def _journals(files: GuestReader) -> Iterator[tuple[str, JournalHeader]]:
    """Yield the journals of the system that have entries; a user's are left out."""
    count = 0
    for folder in JOURNALS:
        for top in _folders(files, folder):
            for entry in files.list_dir(top):
                count += 1
                if count > MOST_FILES:
                    return
                if not entry.name.startswith("system") or not entry.name.endswith((".journal", ".journal~")):
                    continue
                with files.open(join(top, entry.name)) as stream:
                    header = read_journal_header(stream.read(HEADER_SIZE))
                if header is not None and header.entries:
                    yield join(top, entry.name), header


def _folders(files: GuestReader, folder: str) -> Iterator[str]:
    if files.is_dir(folder):
        yield folder
        yield from (
            join(folder, one.name) for one in files.list_dir(folder) if one.stat.kind is FileKind.DIRECTORY
        )


def _of_journal(files: GuestReader, path: str, header: JournalHeader) -> LastLog:
    if header.size > LARGEST_JOURNAL:
        return LastLog(reason=f"{path} has {header.size >> 20} MiB, too many to be read here")
    wish = JournalWish(last_boot=True, newest=MOST_ENTRIES, matches=SPEAKERS)
    lines: list[ToldLine] = []
    began = None
    try:
        with files.open(path) as stream, copy_journal(stream) as copy:
            for entry in read_journal(copy, wish):
                began = entry.time if began is None else began
                lines += [ToldLine(path, 0, text) for text in entry.message.splitlines()[:20]]
    except ToolFailed as error:
        return LastLog(tuple(lines), began, f"{path}: {error.done.complaint}")
    except HostError as error:  # no journalctl, no room for a copy
        return LastLog(reason=error.message)
    return LastLog(tuple(lines), began)


def _of_text(files: GuestReader, path: str) -> Iterator[ToldLine]:
    """Yield what the kernel and systemd say in a text log behind the last banner of the kernel."""
    try:
        numbered = _tail(files, path)
    except GuestFileError:
        return
    begins = max((n for n, (_number, text) in enumerate(numbered) if BANNER.search(text)), default=0)
    for number, text in numbered[begins:]:
        if path == RING_BUFFER:
            yield ToldLine(path, number, re.sub(r"^\[ *\d{1,9}\.\d{1,9}\] ?", "", text))
        elif match := PREFIX.match(text):
            yield ToldLine(path, number, match[1])


def _tail(files: GuestReader, path: str) -> Sequence[tuple[int, str]]:
    """The last lines of a text with their numbers; 0 where the text is too long to count them."""
    size = files.stat(path).size
    with files.open(path) as stream:
        if size <= WHOLE:
            before = stream.read(max(0, size - TAIL)).count(b"\n")
        else:
            stream.seek(size - TAIL)
        lines = stream.read(TAIL).decode("utf-8", "replace").split("\n")
    if size <= WHOLE:
        return list(enumerate(lines, before + 1))[1 if size > TAIL else 0 :]
    return [(0, text) for text in lines[1:]]


def crash_record(files: GuestReader, began: int | None) -> tuple[ToldLine, ...]:
    """Return the kernel's last words before the last boot, as systemd-pstore(8) has kept them; none, if they are older.

    :param began: the time at which the last boot began, which is when they were kept; None: that is not known.
    """
    found = [(files.stat(path).mtime, path) for path in _pstore(files)]
    if not found:
        return ()
    time, path = max(found)
    if began is not None and time < began:
        return ()
    with files.open(path) as stream:
        text = stream.read(PSTORE_LIMIT).decode("utf-8", "replace")
    # <4>[   12.345678] text, below a line that says why it was kept: "Panic#1 Part1"
    lines = (
        (n, re.sub(r"^(?:<\d{1,3}>)?\[ *\d{1,9}\.\d{1,9}\] ?", "", one))
        for n, one in enumerate(text.split("\n"), 1)
    )
    return tuple(ToldLine(path, number, one) for number, one in lines)


def _pstore(files: GuestReader) -> Iterator[str]:
    """Yield records of the kernel's log: dmesg.txt of a crash as a whole, or the parts that the firmware had."""
    count = 0
    for folder in _folders(files, PSTORE):
        for entry in files.list_dir(folder):
            count += 1
            if count > PSTORE_FILES:
                return
            if entry.name.startswith("dmesg") and entry.stat.kind is FileKind.FILE:
                yield join(folder, entry.name)
