"""What a distribution's package database says, and whether it is whole.

:func:`imgtools.guest.packages.applications.list_applications` passes over entries that it cannot make sense of, as
libguestfs does. A list that somebody relies on has to say that it is one of less than there was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from imgtools.errors import OddGuest
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.health.packages import lost_dpkg_status
from imgtools.guest.packages.applications import MAX_PACKAGES, READERS, TEXT_LIMIT, rpm_applications
from imgtools.records.files import FileKind
from imgtools.records.packages import Application
from imgtools.records.system import Warned

STATUS, INFO = "/var/lib/dpkg/status", "/var/lib/dpkg/info"
NAMED = 5  # packages that a warning names


@dataclass(frozen=True, slots=True)
class Installed:
    """The installed packages, sorted, and what is wrong with the database that they are from."""

    applications: tuple[Application, ...]
    damage: tuple[Warned, ...] = ()


def read_installed(files: GuestReader, package_format: str) -> Installed:
    """Return the packages that could be read, and what says that there were more.

    :raises ToolMissing: the format is rpm, and the host has no rpm.
    """
    found: list[Application] = []
    damage: list[Warned] = []
    try:
        for application in _applications(files, package_format, damage):
            if len(found) >= MAX_PACKAGES:
                raise OddGuest(f"more than {MAX_PACKAGES} packages")
            found.append(application)
        damage.extend(CHECKS.get(package_format, _whole)(files))
    except DAMAGE as error:
        damage.append(Warned(error.message, getattr(error, "path", "")))
    return Installed(tuple(sorted(found, key=lambda one: (one.name, one.arch, one.version))), tuple(damage))


def _applications(files: GuestReader, package_format: str, damage: list[Warned]) -> Iterable[Application]:
    if package_format == "rpm":
        return rpm_applications(
            files, lambda words: damage.append(Warned(f"rpm passes over a package: {words}"))
        )
    return READERS[package_format](files) if package_format in READERS else ()


def _whole(_files: GuestReader) -> Iterator[Warned]:
    yield from ()


def _dpkg(files: GuestReader) -> Iterator[Warned]:
    """Yield entries that are none, and packages whose lists of files are there and whose entries are not."""
    if lost_dpkg_status(files):
        yield Warned("dpkg has forgotten what is installed: there are lists of files, and no status", STATUS)
        return
    if not files.is_file(STATUS):
        return
    text = files.read_text(STATUS, limit=TEXT_LIMIT)
    yield from _broken(text, STATUS, r"Package:[ \t]*\S", r"Version:[ \t]*\S|Status:[^\n]*not-installed")
    if not files.is_dir(INFO):
        return
    known = set(re.findall(r"^Package:[ \t]*(\S+)", text, re.MULTILINE))
    lists = (one.name.removesuffix(".list") for one in files.list_dir(INFO) if one.name.endswith(".list"))
    lost = sorted({name.partition(":")[0] for name in lists} - known)
    if lost:
        yield Warned(f"dpkg's status does not know {_some(lost)}, whose lists of files are there", STATUS)


def _apk(files: GuestReader) -> Iterator[Warned]:
    for path in ("/lib/apk/db/installed", "/usr/lib/apk/db/installed"):
        if files.is_file(path):
            yield from _broken(files.read_text(path, limit=TEXT_LIMIT), path, r"P:\S", r"V:\S")


def _pacman(files: GuestReader) -> Iterator[Warned]:
    folder = "/var/lib/pacman/local"
    if not files.is_dir(folder):
        return
    for entry in files.list_dir(folder):
        path = f"{folder}/{entry.name}/desc"
        if entry.stat.kind is FileKind.DIRECTORY and not files.is_file(path):
            yield Warned(f"{entry.name} has no description", path)


def _broken(text: str, path: str, *wanted: str) -> Iterator[Warned]:
    """Yield what says that paragraphs lack a line that each has."""
    patterns = [re.compile(rf"^(?:{one})", re.MULTILINE) for one in wanted]
    paragraphs = [one for one in re.split(r"\n[ \t]*\n", text) if one.strip()]
    broken = [one for one in paragraphs if "\0" in one or not all(each.search(one) for each in patterns)]
    if broken:
        yield Warned(f"{len(broken)} of {len(paragraphs)} entries describe no package", path)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


CHECKS: dict[str, Callable[[GuestReader], Iterator[Warned]]] = {"deb": _dpkg, "apk": _apk, "pacman": _pacman}
