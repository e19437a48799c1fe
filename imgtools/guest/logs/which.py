"""The logs of a guest: which there are, what they are called, which of them is the main one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from imgtools.engine.unpack import ENDINGS
from imgtools.errors import GuestFileError, NoSuchGuestFile
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind, FileStat
from imgtools.records.system import OsInfo, OsType

MAX_FILES = 50_000  # below /var/log; a guest that holds more is not worth walking for its names
MAX_DEPTH = 3  # /var/log/libvirt/qemu/guest.log
JOURNALS = ("/var/log/journal", "/run/log/journal")
EVENT_LOGS = "System32/winevt/Logs"
# Files of /var/log that are not text: login records, accounting, databases.
NOT_TEXT = re.compile(
    r"(^|/)(README|(w|b|u)tmpx?|lastlog|faillog|tallylog|pacct|sa\d\d|.*\.(db|sqlite3?|dat|pcap|png|html|tar|tgz|rrd))"
    r"([.-]\d+)*(\.(gz|xz|zst|bz2))?$"
)
# A file that logrotate put aside: auth.log.1, messages-20240225, cron-20240225.gz, Xorg.0.log.old
ROTATED = re.compile(
    r"^(?P<base>.+?)(?:\.(?P<number>\d{1,4})|[.-](?P<date>\d{8}(?:-\d{1,10})?)|\.(?P<old>old))$"
)
# The log that tells of everything, by what distributions call it.
MAIN_TEXT = ("syslog", "messages", "daemon", "system", "kern")
MAIN_EVENTS = ("System", "Application")
# What one distribution calls auth, another calls secure.
SAME = ({"syslog", "messages"}, {"auth", "secure"}, {"mail", "maillog"})
# Text logs of Windows, below the system drive; %R is the folder of Windows.
WINDOWS_TEXT = (
    ("setupact", "%R/Panther/setupact.log"),
    ("setuperr", "%R/Panther/setuperr.log"),
    ("sysprep", "%R/System32/Sysprep/Panther/setupact.log"),
    ("setupapi.dev", "%R/INF/setupapi.dev.log"),
    ("cbs", "%R/Logs/CBS/CBS.log"),
    ("dism", "%R/Logs/DISM/dism.log"),
    ("netsetup", "%R/debug/NetSetup.LOG"),
    ("windowsupdate", "%R/WindowsUpdate.log"),
    ("firewall", "%R/System32/LogFiles/Firewall/pfirewall.log"),
    ("cloudbase-init", "/Program Files/Cloudbase Solutions/Cloudbase-Init/log/cloudbase-init.log"),
)


class LogKind(StrEnum):
    """How a log is written."""

    JOURNAL = "journal"  # systemd's
    TEXT = "text"
    EVENTS = "events"  # Windows' .evtx


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of a log. ``ending`` says how it is packed: ".gz", ".xz", ".zst", ".bz2" or ""."""

    path: str
    size: int
    mtime: int
    ending: str = ""


@dataclass(frozen=True, slots=True)
class LogSource:
    """One log: the file that is written now, and those that were put aside."""

    name: str  # journal, syslog, apt/history, System
    kind: LogKind
    files: tuple[LogFile, ...]  # newest first

    @property
    def size(self) -> int:
        """Bytes of all its files in the guest."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a log; empty strings and None are facts that it does not have."""

    time: int | None  # nanoseconds since 1970
    source: str
    message: str
    host: str = ""
    identifier: str = ""  # the program; the provider of a Windows event
    pid: int | None = None
    unit: str = ""
    priority: int | None = None  # syslog's: 0 emergency ... 7 debug
    event_id: int | None = None


# -- finding -------------------------------------------------------------------------------------------------


def find_logs(files: GuestReader, os: OsInfo) -> tuple[LogSource, ...]:
    """Return every log of the guest, the journal first, then by name. Only names are looked at, not contents."""
    if os.type is OsType.WINDOWS:
        return (*_event_logs(files, os.windows_systemroot), *_windows_text(files, os.windows_systemroot))
    return (*_journal(files), *_text_logs(files))


def main_logs(sources: Iterable[LogSource]) -> tuple[LogSource, ...]:
    """Return what to show when nothing was asked for: the journal, else the main text log; Windows' two main logs."""
    by_name = {source.name: source for source in sources if source.size}
    if "journal" in by_name:
        return (by_name["journal"],)
    found = [by_name[name] for name in MAIN_EVENTS if name in by_name]
    found += [by_name[name] for name in MAIN_TEXT if name in by_name][:1] if not found else []
    return tuple(found) or tuple(by_name.values())[:1]


def select_log(files: GuestReader, sources: Iterable[LogSource], name: str) -> LogSource:
    """Return the log called ``name`` (``auth``, ``auth.log``, ``System``), or the one in the file ``name``.

    :raises NoSuchGuestFile: there is none; the hint names those that there are.
    """
    sources = tuple(sources)
    if name.startswith("/"):
        return _log_at(files, sources, name)
    wanted = name.casefold()
    names = {wanted, wanted.removesuffix(".log"), wanted.removesuffix(".evtx")}
    for exact in (wanted, *names):
        if named := [source for source in sources if source.name.casefold() == exact]:
            return named[0]
    ends = [source for source in sources if source.name.casefold().rpartition("/")[2] in names]
    others = [one for group in SAME for one in group if names & group]
    ends += [source for source in sources if source.name in others]
    if ends:
        return ends[0]
    known = ", ".join(source.name for source in sources[:12]) or "none"
    raise NoSuchGuestFile(f"the guest has no log {name}", path=name, hint=f"it has {known}; see --list")


def _log_at(files: GuestReader, sources: tuple[LogSource, ...], path: str) -> LogSource:
    """The log in a file or, for a journal, in a folder."""
    if files.is_dir(path):
        found = tuple(_journal_files(files, files.resolve(path)))
        if not found:
            raise NoSuchGuestFile(f"no journal in the guest's folder {path}", path=path)
        return LogSource(path, LogKind.JOURNAL, found)
    true_path = files.resolve(path)
    for source in sources:
        if source.files and source.files[0].path == true_path:
            return source
    return LogSource(path, _kind_of(true_path), (_file(true_path, files.stat(true_path)),))


def _kind_of(path: str) -> LogKind:
    if path.endswith((".journal", ".journal~")):
        return LogKind.JOURNAL
    return LogKind.EVENTS if path.lower().endswith(".evtx") else LogKind.TEXT


def _file(path: str, stat: FileStat) -> LogFile:
    ending = next((ending for ending in ENDINGS if path.endswith(ending)), "")
    return LogFile(path, stat.size, stat.mtime, ending)


def _journal(files: GuestReader) -> Iterator[LogSource]:
    found = [file for folder in JOURNALS if files.is_dir(folder) for file in _journal_files(files, folder)]
    if found:
        yield LogSource("journal", LogKind.JOURNAL, tuple(found))


def _journal_files(files: GuestReader, folder: str) -> Iterator[LogFile]:
    """The journal files in a folder and in its subfolders, one for each machine id."""
    for found in _below(files, folder, 1):
        if found[0].endswith((".journal", ".journal~")):
            yield _file(*found)


def _below(files: GuestReader, folder: str, depth: int) -> Iterator[tuple[str, FileStat]]:
    """The regular files below a folder, links to files followed, folders entered ``depth`` levels deep."""
    try:
        entries = files.list_dir(folder)
    except GuestFileError:
        return
    for entry in entries:
        path, stat = join(folder, entry.name), entry.stat
        if stat.kind is FileKind.DIRECTORY and depth:
            yield from _below(files, path, depth - 1)
        elif stat.kind is FileKind.LINK and files.is_file(path):
            yield path, files.stat(path)
        elif stat.kind is FileKind.FILE:
            yield path, stat


# -- text ----------------------------------------------------------------------------------------------------


def _text_logs(files: GuestReader) -> Iterator[LogSource]:
    """Every text log below /var/log, with what logrotate made of it."""
    groups: dict[str, list[LogFile]] = {}
    for count, (path, stat) in enumerate(_below(files, "/var/log", MAX_DEPTH)):
        if count > MAX_FILES:
            break
        if not NOT_TEXT.search(path) and not path.startswith(JOURNALS[0] + "/"):
            file = _file(path, stat)
            groups.setdefault(split_rotated(path)[0], []).append(file)
    bases = set(groups)
    for base in sorted(groups, key=lambda base: (base.count("/"), base)):
        plain = base.removeprefix("/var/log/").removesuffix(".log")
        # Where there are both x and x.log, the latter keeps its ending.
        name = plain if f"/var/log/{plain}" == base or f"/var/log/{plain}" not in bases else f"{plain}.log"
        yield LogSource(
            name, LogKind.TEXT, tuple(sorted(groups[base], key=lambda file: split_rotated(file.path)[1]))
        )


def split_rotated(path: str) -> tuple[str, tuple[int, int]]:
    """Return what a log file was called before it was put aside, and its place in the order newest first."""
    name = path
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    match = ROTATED.match(name)
    if match is None or match["base"].endswith("/"):
        return name, (0, 0)
    if match["number"]:
        # Xorg.0.log is no rotated file, dmesg.0 is.
        return match["base"], (1, int(match["number"]))
    return match["base"], (1, -int(match["date"].replace("-", "")[:18]) if match["date"] else 0)


# -- Windows ---------------------------------------------------------------------------------------------------


def _event_logs(files: GuestReader, systemroot: str) -> Iterator[LogSource]:
    folder = join(systemroot, EVENT_LOGS)
    found = {}
    for path, stat in _below(files, folder, 0):
        if path.lower().endswith(".evtx"):
            # Windows writes the / in the name of a channel as %4.
            name = path.rpartition("/")[2][: -len(".evtx")].replace("%4", "/")
            found[name] = LogSource(name, LogKind.EVENTS, (_file(path, stat),))
    first = [found.pop(name) for name in (*MAIN_EVENTS, "Security", "Setup") if name in found]
    yield from (*first, *(found[name] for name in sorted(found)))


def _windows_text(files: GuestReader, systemroot: str) -> Iterator[LogSource]:
    for name, path in WINDOWS_TEXT:
        path = path.replace("%R", systemroot)
        if files.is_file(path):
            true_path = files.resolve(path)
            yield LogSource(name, LogKind.TEXT, (_file(true_path, files.stat(true_path)),))
