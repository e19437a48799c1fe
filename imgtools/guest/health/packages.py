"""Whether a package manager was stopped in the middle: dpkg, rpm, pacman; and what half an upgrade leaves.

Sources: dpkg(1) (package states, updates folder), lib/dpkg/ensure; rpm's lib/fsm.c (files end in ``;`` and a number
until they take their place); sqlite.org/fileformat.html; pacman(8) (db.lck).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.packages.database import RPM_FILES, RPM_FOLDERS
from imgtools.records.files import FileKind

STATUS, UPDATES, INFO = "/var/lib/dpkg/status", "/var/lib/dpkg/updates", "/var/lib/dpkg/info"
STATUS_LIMIT = 64 << 20  # bytes; a desktop with all of Debian's packages has some 20 MB
HALF = (b"half-installed", b"half-configured", b"unpacked", b"triggers-awaited")
PROGRAM_FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/lib64", "/boot", "/bin", "/sbin", "/lib64")
LIBRARY_FOLDERS = ("/usr/lib64", "/usr/lib", "/lib64", "/lib")
PACMAN_LOCK = "/var/lib/pacman/db.lck"
# How a database of rpm begins, by the name of its file (offset, bytes in either order).
MAGIC = {
    "rpmdb.sqlite": (0, (b"SQLite format 3\0",)),
    "Packages.db": (0, (b"RpmP",)),
    "Packages": (12, (b"\x61\x15\x06\x00", b"\x00\x06\x15\x61")),
}


@dataclass(frozen=True, slots=True)
class HalfDone:
    """Something that was stopped in the middle: where that is seen, and what is there."""

    path: str
    text: str
    line: int = 0


def half_dpkg(files: GuestReader) -> Iterator[HalfDone]:
    """Yield packages in the middle of being installed, and journals of dpkg that wait to be read."""
    if files.is_file(STATUS) and files.stat(STATUS).size <= STATUS_LIMIT:
        text = files.read_bytes(STATUS, limit=STATUS_LIMIT)
        for match in re.finditer(rb"(?m)^Status: +\S+ +(\S+) +(\S+)[ \t]*$", text):
            if match[2] in HALF or match[1] == b"reinstreq":
                name = _name_before(text, match.start())
                if match[2] != b"half-installed" and not any(
                    files.glob(f"{INFO}/{_plain(name)}{{,:*}}.list")
                ):
                    continue  # of a package that was unpacked there are files: a leftover in the list alone
                line = text.count(b"\n", 0, match.start()) + 1
                yield HalfDone(STATUS, f"{name}: {match[0].decode('utf-8', 'replace').strip()}", line)
    if files.is_dir(UPDATES):
        for entry in files.list_dir(UPDATES):
            if re.fullmatch(r"\d{4,}", entry.name):
                yield HalfDone(f"{UPDATES}/{entry.name}", "what dpkg had begun to write into its status")


def _plain(name: str) -> str:
    """Make a name safe inside a glob."""
    return re.sub(r"[^\w.+-]", "?", name)


def _name_before(text: bytes, at: int) -> str:
    start = text.rfind(b"\nPackage:", 0, at) + 1
    line = text[start : text.find(b"\n", start)] if text[start : start + 8] == b"Package:" else b""
    return line.partition(b":")[2].strip().decode("utf-8", "replace") or "a package"


def lost_dpkg_status(files: GuestReader) -> bool:
    """Whether dpkg has forgotten what is installed: no status, or an empty one, and packages all the same."""
    if not files.is_dir(INFO) or not any(one.name.endswith(".list") for one in files.list_dir(INFO)):
        return False
    return not files.is_file(STATUS) or not files.stat(STATUS).size


def half_files(files: GuestReader) -> Iterator[HalfDone]:
    """Yield files under the names that dpkg and rpm give them before they take their place."""
    for folder in PROGRAM_FOLDERS:
        found = files.lstat(folder)
        if found is None or found.kind is not FileKind.DIRECTORY:
            continue
        for entry in files.list_dir(folder):
            if entry.name.endswith((".dpkg-new", ".dpkg-tmp")) or re.search(r";[0-9a-f]{8,16}$", entry.name):
                yield HalfDone(f"{folder}/{entry.name}", "a file that has not taken its place yet")


def half_others(files: GuestReader) -> Iterator[HalfDone]:
    """Yield transactions of yum and locks of pacman that were left."""
    if files.is_file(PACMAN_LOCK):
        yield HalfDone(PACMAN_LOCK, "pacman was stopped, and does nothing while this is there")
    for path in files.glob("/var/lib/yum/transaction-all.*"):
        yield HalfDone(path, "a transaction of yum that was not finished")


def damaged_rpm(files: GuestReader) -> HalfDone | None:
    """Return the database of rpm that is none."""
    for path in (f"{folder}/{name}" for folder in RPM_FOLDERS for name in RPM_FILES):
        found = files.lstat(path)
        if found is None or found.kind is not FileKind.FILE:
            continue
        at, magics = MAGIC[path.rpartition("/")[2]]
        with files.open(path) as stream:
            stream.seek(at)
            head = stream.read(16)
        if not head.startswith(magics):
            said = "it is empty" if not found.size else "it does not begin as one"
            return HalfDone(path, said)
    return None


def dangling_libraries(files: GuestReader) -> Iterator[HalfDone]:
    """Yield links to libraries (libx.so.1 -> libx.so.1.2.3) in the folders of libraries that lead nowhere."""
    for folder in (*LIBRARY_FOLDERS, *files.glob("/usr/lib/*-linux-*"), *files.glob("/lib/*-linux-*")):
        found = files.lstat(folder)
        if found is None or found.kind is not FileKind.DIRECTORY or files.resolve(folder) != folder:
            continue
        for entry in files.list_dir(folder):
            if entry.stat.kind is not FileKind.LINK or not re.search(r"\.so\.\d", entry.name):
                continue
            path = f"{folder}/{entry.name}"
            if not files.exists(path):
                yield HalfDone(path, f"leads to {files.read_link(path)}, which is not there")
