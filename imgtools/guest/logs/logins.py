"""Who logged in to a Linux guest, who failed to, and when it was started: every file that tells of it."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.engine.unpack import ENDINGS, unpack_forwards
from imgtools.errors import GuestFileError, OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.logs.utmp import (
    BadRecord,
    Layout,
    LoginRecord,
    layout_of,
    read_lastlog,
    read_records,
)
from imgtools.records.files import FileKind
from imgtools.records.system import Warned

FOLDER = "/var/log"
# What is written instead of them where times have to last beyond 2038: databases of SQLite.
NEWER = ("/var/lib/wtmpdb/wtmp.db", "/var/lib/lastlog/lastlog2.db")
ACCOUNTS_LIMIT = 8 << 20  # bytes of passwd


def read_logins(files: GuestReader, arch: str) -> Iterator[tuple[str, LoginRecord] | Warned]:
    """Yield every record with the path of its file, and warnings about what cannot be read; in no order."""
    layout = layout_of(arch)
    for path in files.glob(f"{FOLDER}/{{wtmp,btmp}}*"):
        name = path.rpartition("/")[2]
        if files.is_file(path) and name[4:5] in ("", ".", "-"):
            yield from _read_file(files, path, layout, failed=name.startswith("btmp"))
    if files.is_file(f"{FOLDER}/lastlog"):
        yield from _read_last(files, layout)
    for path in NEWER:
        if files.is_file(path):
            yield Warned("a database of logins: not read", path)


def _read_file(
    files: GuestReader, path: str, layout: Layout, *, failed: bool
) -> Iterator[tuple[str, LoginRecord] | Warned]:
    ending = next((one for one in ENDINGS if path.endswith(one)), "")
    try:
        with files.open(path) as source:
            if not ending:
                for record in read_records(source, layout, failed=failed):
                    yield path, record
                return
            with unpack_forwards(source, ending) as (stream, unpacked):
                for record in read_records(stream, layout, failed=failed):
                    yield path, record
                if unpacked.problem:
                    yield Warned(unpacked.problem, path)
    except BadRecord as error:
        yield Warned(f"damaged: {error}; what follows is not read", path)
    except (GuestFileError, OddGuest) as error:
        yield Warned(error.message, path)


def _read_last(files: GuestReader, layout: Layout) -> Iterator[tuple[str, LoginRecord] | Warned]:
    path = f"{FOLDER}/lastlog"
    try:
        with files.open(path) as stream:
            for record in read_lastlog(stream, layout, _users(files)):
                yield path, record
    except (GuestFileError, OddGuest) as error:
        yield Warned(error.message, path)


def _users(files: GuestReader) -> dict[int, str]:
    """Names by uid, the first of several; lines that do not parse name nobody."""
    found: dict[int, str] = {}
    stat = files.lstat("/etc/passwd")
    if stat is None or stat.kind is not FileKind.FILE:
        return found
    for line in files.read_text("/etc/passwd", limit=ACCOUNTS_LIMIT).split("\n"):
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isascii() and fields[2].isdecimal() and len(fields[2]) <= 10:
            found.setdefault(int(fields[2]), fields[0])
    return found
