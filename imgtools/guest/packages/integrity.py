"""Whether files are as their packages have them: content, kind, mode, owners, links and capabilities.

What the database does not tell is not judged. Times are not: everything that touches a file sets them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from imgtools.errors import ImgtoolsError
from imgtools.files.digests import Group, Hasher
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.accounts.users import FILE_LIMIT, GROUP, PASSWD
from imgtools.guest.packages import capabilities
from imgtools.records.files import FileKind, FileStat
from imgtools.records.packages import Deviation, FileFinding, PackageFile

BATCH = 2048  # files that are put into the order of the disk at once; readers remember some 4,000 inodes
# Filled when the system starts: nobody can tell offline what is missing there (file-hierarchy(7)).
AT_RUN_TIME = ("/run/", "/var/run/", "/var/lock/", "/tmp/", "/dev/", "/proc/", "/sys/")
KIND_WORDS = {
    FileKind.FILE: "a file",
    FileKind.DIRECTORY: "a folder",
    FileKind.LINK: "a link",
    FileKind.CHARACTER: "a character device",
    FileKind.BLOCK: "a block device",
    FileKind.FIFO: "a pipe",
    FileKind.SOCKET: "a socket",
    FileKind.UNKNOWN: "nobody knows what",
}


@dataclass(slots=True)
class Looked:
    """What was looked at, counted while it is."""

    packages: int = 0
    files: int = 0
    hashed: int = 0  # whose content was compared
    unknown: int = 0  # regular files of whose content the database says nothing


class _Batch(NamedTuple):
    """Files that are being hashed, and what is known of them already."""

    findings: list[FileFinding]
    asked: Sequence[PackageFile]
    group: Group


class Verifier:
    """Compares the files of one guest with what their packages say.

    :param follows_links: a configuration file that is a link is the file that it leads to, as for dpkg.
    :param unmounted: mount points of the guest whose volumes cannot be read.
    """

    def __init__(
        self, files: GuestReader, *, follows_links: bool = False, unmounted: Sequence[str] = ()
    ) -> None:
        self.looked = Looked()
        self._files = files
        self._follows_links = follows_links
        self._unmounted = tuple(one.rstrip("/") + "/" for one in unmounted if one.startswith("/"))
        self._folders: set[str] = set()  # that are there, and of which packages say no more than that
        self._users = _numbers(files, PASSWD)
        self._groups = _numbers(files, GROUP)

    def findings(self, owned: Iterable[PackageFile]) -> Iterator[FileFinding]:
        """Yield what differs, batch after batch in the order of the packages."""
        packages: set[str] = set()
        remaining = iter(owned)
        before: _Batch | None = None  # whose content is hashed while the next one is looked at
        with Hasher(self._files) as hasher:
            while batch := list(islice(remaining, BATCH)):
                packages.update(one.package for one in batch)
                self.looked.files += len(batch)
                begun = self._begin(batch, hasher)
                if before is not None:
                    yield from self._end(before)
                before = begun
            if before is not None:
                yield from self._end(before)
        self.looked.packages = len(packages)

    def _begin(self, batch: Sequence[PackageFile], hasher: Hasher) -> _Batch:
        """Look at the inodes of files, and begin to hash those of which that tells nothing."""
        findings: list[FileFinding] = []
        asked: list[PackageFile] = []
        group = hasher.group()
        for one in batch:
            if one.path in self._folders and _is_bare_folder(one):
                continue
            try:
                found = self._files.lstat(one.path)
                if found is None:
                    findings += self._missing(one)
                    continue
                differences = tuple(self._facts(one, found))
            except DAMAGE as error:
                findings.append(_finding(one, Deviation.UNREADABLE, found=error.message))
                continue
            findings += differences
            if self._is_hashed(one, found, differences):
                asked.append(one)
                group.add(one.path, one.algorithm)
            elif not differences and _is_bare_folder(one):
                self._folders.add(one.path)
        group.start()
        return _Batch(findings, asked, group)

    def _end(self, batch: _Batch) -> list[FileFinding]:
        """Return what differs in a batch, in the order of packages and paths."""
        findings = batch.findings
        for number, answer in batch.group.answers():
            self.looked.hashed += 1
            findings += _content(batch.asked[number], answer)
        return sorted(findings, key=lambda one: (one.package, one.path))

    def _missing(self, one: PackageFile) -> Iterator[FileFinding]:
        if one.path.startswith(self._unmounted):
            yield _finding(one, Deviation.UNREADABLE, found="its volume cannot be read")
        elif not one.is_optional and not one.path.startswith(AT_RUN_TIME):
            yield _finding(one, Deviation.MISSING)

    def _is_hashed(self, one: PackageFile, found: FileStat, differences: Sequence[FileFinding]) -> bool:
        """Whether the content has to be read: it is known, it is a file, and not known to differ already."""
        if not one.digest:
            self.looked.unknown += found.kind is FileKind.FILE and not one.is_ghost
            return False
        if any(
            each.what in (Deviation.KIND, Deviation.CHANGED, Deviation.UNREADABLE) for each in differences
        ):
            return False
        return found.kind is FileKind.FILE or (found.kind is FileKind.LINK and self._follows(one))

    def _follows(self, one: PackageFile) -> bool:
        return self._follows_links and one.is_config and self._files.is_file(one.path)

    # -- what the inode says -------------------------------------------------------------------------------

    def _facts(self, one: PackageFile, found: FileStat) -> Iterator[FileFinding]:
        if found.kind is FileKind.UNKNOWN:
            yield _finding(one, Deviation.UNREADABLE, found="its inode is damaged")
            return
        if not self._is_kind(one, found):
            expected = one.kind if one.kind is not None else FileKind.FILE
            yield _finding(one, Deviation.KIND, KIND_WORDS[expected], KIND_WORDS[found.kind])
            return
        is_link = found.kind is FileKind.LINK
        if is_link:
            yield from self._target(one)
        if one.mode is not None and not is_link and found.mode != one.mode:
            yield _finding(one, Deviation.MODE, f"{one.mode:04o}", f"{found.mode:04o}")
        yield from self._owners(one, found)
        if one.size is not None and found.kind is FileKind.FILE and found.size != one.size:
            yield _finding(one, Deviation.CHANGED, f"{one.size} bytes", f"{found.size} bytes")
        if one.capabilities is not None and found.kind is FileKind.FILE:
            yield from self._capabilities(one)

    def _is_kind(self, one: PackageFile, found: FileStat) -> bool:
        if one.kind is None:  # with a digest it is a file, or a link where the format hashes those
            links = (FileKind.FILE, FileKind.LINK) if one.hashes_link else (FileKind.FILE,)
            return not one.digest or found.kind in links
        if one.kind is found.kind:
            return True
        if found.kind is not FileKind.LINK:
            return False
        if one.kind is FileKind.DIRECTORY:  # dpkg keeps a link to a folder in a folder's place (dpkg(1))
            return self._follows_links and self._files.is_dir(one.path)
        return self._follows(one)

    def _target(self, one: PackageFile) -> Iterator[FileFinding]:
        if one.target:
            target = self._files.read_link(one.path)
            if target != one.target:
                yield _finding(one, Deviation.LINK, one.target, target)
        elif one.hashes_link and one.digest:
            target = self._files.read_link(one.path)
            raw = target.encode("utf-8", "surrogateescape")
            if hashlib.new(one.algorithm, raw, usedforsecurity=False).hexdigest() != one.digest:
                yield _finding(one, Deviation.LINK, "", target)

    def _owners(self, one: PackageFile, found: FileStat) -> Iterator[FileFinding]:
        for word, expected, number, known in (
            ("user", one.owner, found.uid, self._users),
            ("group", one.group, found.gid, self._groups),
        ):
            if expected is None or number == (known.get(expected) if isinstance(expected, str) else expected):
                continue
            name = next((name for name, its in known.items() if its == number), str(number))
            yield _finding(one, Deviation.OWNER, f"{word} {expected}", f"{word} {name}")

    def _capabilities(self, one: PackageFile) -> Iterator[FileFinding]:
        raw = self._files.xattrs(one.path).get(capabilities.ATTRIBUTE, b"")
        expected, found = capabilities.parse_text(one.capabilities or ""), capabilities.parse_attribute(raw)
        if expected is not None and expected != found:
            words = "no capabilities that Linux takes" if found is None else str(found)
            yield _finding(one, Deviation.CAPABILITIES, str(expected), words)


def _is_bare_folder(one: PackageFile) -> bool:
    """Whether a package says of a folder only that it is there: dpkg has the same few in every package."""
    return one.kind is FileKind.DIRECTORY and one.mode is None and one.owner is None


def _content(one: PackageFile, answer: str | ImgtoolsError) -> Iterator[FileFinding]:
    if isinstance(answer, ImgtoolsError):
        yield _finding(one, Deviation.UNREADABLE, found=answer.message)
    elif answer != one.digest:
        yield _finding(one, Deviation.CHANGED, f"{one.algorithm} {one.digest}", f"{one.algorithm} {answer}")


def _finding(one: PackageFile, what: Deviation, expected: str = "", found: str = "") -> FileFinding:
    return FileFinding(one.package, one.path, what, expected, found, one.is_config)


def _numbers(files: GuestReader, path: str) -> dict[str, int]:
    """Return the numbers of users or groups by their names. A line that does not parse names nobody, as for libc."""
    numbers = {"root": 0}
    if files.is_file(path) and files.stat(path).size <= FILE_LIMIT:
        for line in files.read_text(path, limit=FILE_LIMIT).splitlines():
            fields = line.split(":")
            if len(fields) > 3 and fields[2].isascii() and fields[2].isdigit() and len(fields[2]) < 11:
                numbers.setdefault(fields[0], int(fields[2]))
    return numbers
