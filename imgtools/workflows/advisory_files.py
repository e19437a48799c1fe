"""Copies of advisories on this host: files of JSON, folders of them, and the zip archives that OSV hands out."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from imgtools.errors import HostError
from imgtools.guest.packages import debian_tracker, osv
from imgtools.guest.packages.advisories import Subjects, plain
from imgtools.records.components import Affected
from imgtools.records.system import Warned

MOST_BYTES = 1 << 30  # of one file of JSON; Debian's tracker has 70 MB
MOST_ADVISORY = 64 << 20  # bytes of one advisory in an archive
MOST_FILES = 2_000_000
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
_NAMES = re.compile(rb'"name"\s*:\s*"((?:[^"\\]|\\.)*)"')


@dataclass(slots=True)
class _Read:
    """What was found, and what was looked at."""

    subjects: Subjects
    found: dict[tuple[str, str, str, str], Affected] = field(default_factory=dict)
    advisories: int = 0
    about: set[str] = field(default_factory=set)  # ecosystems

    def add(self, one: Affected) -> None:
        """Keep what was found, once."""
        self.found.setdefault((one.advisory, one.component, one.version, one.purl), one)


def match_advisories(
    places: tuple[Path, ...], subjects: Subjects
) -> tuple[tuple[Affected, ...], tuple[Warned, ...]]:
    """Return the components that advisories are about, and what may make the answer shorter than it should be.

    :param places: files or folders: advisories of OSV (also a list of them, or their all.zip), or the JSON of Debian's
        security tracker.
    :raises HostError: one of them cannot be read, or holds something else.
    """
    read = _Read(subjects)
    for place in places:
        before = read.advisories
        for path in _files(place):
            _read_file(path, read)
        if read.advisories == before:
            raise HostError(
                f"no advisories in {place}",
                hint="give files of OSV (*.json, all.zip) or the JSON of Debian's security tracker",
            )
    found = sorted(read.found.values(), key=lambda one: (one.advisory, one.component, one.version))
    return tuple(found), tuple(_warnings(read))


def _warnings(read: _Read) -> Iterator[Warned]:
    own, release = read.subjects.ecosystem, read.subjects.release
    if not own:
        yield Warned("no data of advisories that imgtools reads is about the packages of this system")
    elif own not in read.about:
        yield Warned(f"none of the {read.advisories} advisories is about {own} ({release.product_name})")


def _files(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    for count, path in enumerate(sorted(one for one in place.rglob("*") if one.suffix in (".json", ".zip"))):
        if count >= MOST_FILES:
            raise HostError(f"more than {MOST_FILES} files in {place}", hint="give fewer at a time")
        if path.is_file():
            yield path


def _read_file(path: Path, read: _Read) -> None:
    try:
        if zipfile.is_zipfile(path):
            _read_archive(path, read)
            return
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise HostError(f"{path} has {size} bytes: more than data of advisories has", hint="split it")
        _read_json(path.read_bytes(), str(path), read)
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror or error}") from None


def _read_archive(path: Path, read: _Read) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if not entry.filename.endswith(".json"):
                    continue
                with archive.open(entry) as stream:
                    content = stream.read(MOST_ADVISORY + 1)
                if len(content) > MOST_ADVISORY:
                    raise HostError(f"{path}: {entry.filename} is larger than any advisory")
                _read_json(content, f"{path}: {entry.filename}", read)
    except BROKEN as error:
        raise HostError(f"cannot read {path}: {error}", hint="it is damaged: copy it again") from None


def _read_json(content: bytes, name: str, read: _Read) -> None:
    """Look at one document; parse it only if it may be about something that is there."""
    try:
        if debian_tracker.is_tracker(content):
            _read_tracker(content, read)
            return
        if _is_of_no_interest(content, read):
            read.advisories += 1
            return
        whole = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise HostError(f"{name} does not parse: {error}", hint="it is no JSON, or damaged") from None
    documents = whole if isinstance(whole, list) else [whole]
    for one in documents:
        if not osv.is_osv(one):
            raise HostError(f"{name} is no advisory of OSV, and no data of Debian's security tracker")
        read.advisories += 1
        read.about.update(osv.ecosystems(one))
        for affected in osv.affected_by(one, read.subjects):
            read.add(affected)


def _is_of_no_interest(content: bytes, read: _Read) -> bool:
    """Whether none of the names in an advisory of OSV is one of the guest's.

    A name with a backslash may be spelled in several ways. An advisory of the guest's distribution is read whole all
    the same, until one was: to know that there is such data.
    """
    if b'"affected"' not in content or b'"id"' not in content or not content.lstrip().startswith(b"{"):
        return False
    own = read.subjects.ecosystem
    if own not in read.about and own.encode() in content:
        return False
    names = _NAMES.findall(content)
    return not any(
        b"\\" in one or plain(one.decode("utf-8", "replace")) in read.subjects.names for one in names
    )


def _read_tracker(content: bytes, read: _Read) -> None:
    codename = debian_tracker.codename_of(read.subjects.release)
    read.about.add("Debian")
    read.advisories += 1
    if not codename:
        return
    tracker = debian_tracker.parse_tracker(content, codename)
    for one in debian_tracker.affected_by(tracker or {}, read.subjects):
        read.add(one)
