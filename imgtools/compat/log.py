"""virt-log: the journal, or the main log of a guest without one."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from imgtools.compat.guest_files import opened
from imgtools.compat.sources import KEYS, NAMING, SPEAKING, source
from imgtools.compat.text import put, put_bytes
from imgtools.compat.words import Words
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.records.system import OsType

if TYPE_CHECKING:
    from imgtools.files.tree import GuestReader
    from imgtools.records.request import ImageRequest
    from imgtools.workflows.log import LogRow

OPTIONS = (*NAMING, *KEYS, *SPEAKING)
JOURNAL = "/var/log/journal"
TEXTS = ("/var/log/syslog", "/var/log/messages")
LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")  # syslog(3)
INFO = 6
CHUNK = 1 << 20  # bytes held at a time


def run(words: Words) -> int:
    """Print all entries, oldest first."""
    old = () if words.has("--add") or words.has("--domain") else words.rest
    if words.rest and not old:
        raise UsageError(f"extra argument '{words.rest[0]}' on command line", hint="name images with -a")
    request = source(words, old, mounts=False)
    with opened(words, request) as view:
        system = view.guest.os.type if view.guest is not None else OsType.UNKNOWN
        if system is OsType.WINDOWS:
            raise UnsupportedGuest(
                "the event log is not printed in evtxdump.py's XML",
                hint="imgtools log IMAGE, with --json too",
            )
        has_journal = system is OsType.LINUX and _holds(view.files, JOURNAL)
        if not has_journal:
            _print_text(view.files)
    if has_journal:
        _print_journal(request)
    return 0


def _holds(files: GuestReader, folder: str) -> bool:
    return files.is_dir(folder) and bool(files.list_dir(folder))


def _print_text(files: GuestReader) -> None:
    path = next((one for one in TEXTS if files.is_file(one)), None)
    if path is None:
        return
    with files.open(path) as stream:
        while chunk := stream.read(CHUNK):
            put_bytes(chunk)


def _print_journal(request: ImageRequest) -> None:
    from imgtools.workflows.log import open_log
    from imgtools.workflows.log_query import LogQuery

    with open_log(request, LogQuery(sources=("journal",), lines=None)) as log:
        for row in log.rows:
            put(journal_line(row))


def journal_line(row: LogRow) -> str:
    """Return an entry as virt-log has it: time, program and its process, priority, message; times are the host's."""
    moment = datetime.fromisoformat(row.time).timestamp() if row.time else 0
    line = time.strftime("%b %d %H:%M:%S", time.localtime(moment))
    if row.identifier:
        line += f" {row.identifier}"
    if row.pid is not None:
        line += f"[{row.pid}]"
    level = row.priority if row.priority is not None and 0 <= row.priority < len(LEVELS) else INFO
    message = f" {row.message}" if row.message else ""
    return f"{line} {LEVELS[level]}:{message}\n"
