"""The files of the packages of a Debian guest: dpkg's lists, checksums, conffiles, diversions and overrides.

dpkg knows neither modes nor owners (but where dpkg-statoverride was told), nor links. Sources: dpkg(1), dpkg-divert(1),
dpkg-statoverride(1), deb-md5sums(5), dpkg.cfg(5), dpkg's lib/dpkg/parse.c (conffiles) and src/main/filters.c.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.packages.applications import ENTRY_LIMIT, TEXT_LIMIT
from imgtools.records.files import FileKind
from imgtools.records.packages import PackageFile

FOLDER = "/var/lib/dpkg"
STATUS, INFO = f"{FOLDER}/status", f"{FOLDER}/info"
STATUS_PARTS = f"{FOLDER}/status.d"  # of images without dpkg ("distroless")
CONFIGS = ("/etc/dpkg/dpkg.cfg", "/etc/dpkg/dpkg.cfg.d")
# States in which the files of a package are where they belong.
UNPACKED = ("installed", "triggers-pending", "triggers-awaited", "half-configured", "unpacked")
# Of these, a package without a list of its files is one of which only the status is left: dpkg takes it for empty.
HALF_WAY = ("half-configured", "unpacked")
# One paragraph of the status: the few fields that matter, of which only Conffiles goes over several lines.
FIELD = re.compile(r"^(Package|Status|Architecture|Conffiles):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
CONFFILE = re.compile(r" (.+) (newconffile|[0-9a-f]{32})((?: obsolete| remove-on-upgrade)*)")
CHECKSUM = re.compile(r"(\\?)([0-9a-fA-F]{32})[ \t]+\*?(.+)")


class Override(NamedTuple):
    """A line of statoverride."""

    owner: int | str
    group: int | str
    mode: int


class Conffile(NamedTuple):
    """What the status says of a configuration file."""

    digest: str
    is_given_up: bool  # the package no longer has it


class Diversion(NamedTuple):
    """Where a file is that every package but one would put elsewhere."""

    to: str
    by: str  # the package that keeps the place; ":" is the administrator


@dataclass(frozen=True, slots=True)
class _Rules:
    """What counts for all packages."""

    diversions: Mapping[str, Diversion]
    overrides: Mapping[str, Override]
    filters: tuple[tuple[bool, str], ...]
    lost: Callable[[str, str], None]

    def is_excluded(self, path: str) -> bool:
        """Whether dpkg was told not to unpack it; of all patterns that match, the last counts."""
        is_out = False
        for takes_out, pattern in self.filters:
            if takes_out is not is_out and fnmatch.fnmatchcase(path, pattern):
                is_out = takes_out
        return is_out


def package_files(files: GuestReader, lost: Callable[[str, str], None]) -> Iterator[PackageFile]:
    """Yield every file and folder; see ``owned_files.package_files``."""
    rules = _Rules(dict(_diversions(files)), dict(_overrides(files, lost)), tuple(_filters(files)), lost)
    if files.is_file(STATUS):
        info = {one.name for one in files.list_dir(INFO)} if files.is_dir(INFO) else set[str]()
        for name, architecture, state, conffiles in parse_packages(_text(files, STATUS, TEXT_LIMIT)):
            # A package that may be there for several architectures has its name in its files (dpkg, infodb-format).
            stem = next((one for one in (f"{name}:{architecture}", name) if f"{one}.list" in info), "")
            if stem:
                yield from _package(files, name, f"{INFO}/{stem}", conffiles, rules)
            elif state not in HALF_WAY:
                lost(f"{INFO}/{name}.list", "is not there")
    if files.is_dir(STATUS_PARTS):
        for entry in files.list_dir(STATUS_PARTS):
            if entry.name.endswith(".md5sums"):
                name = entry.name.removesuffix(".md5sums")
                for path, digest in _checksums(files, f"{STATUS_PARTS}/{entry.name}", lost):
                    yield _made(path, name, digest, None, rules)


def parse_packages(text: str) -> Iterator[tuple[str, str, str, dict[str, Conffile]]]:
    """Yield name, architecture, state and configuration files of the packages in a status file that are unpacked."""
    for paragraph in re.split(r"\n[ \t]*\n", text):
        values = dict(FIELD.findall(paragraph))
        state = values.get("Status", "").split()
        if "Package" not in values or not state or state[-1] not in UNPACKED:
            continue
        conffiles: dict[str, Conffile] = {}
        for line in values.get("Conffiles", "").split("\n"):
            if found := CONFFILE.fullmatch(line):
                conffiles[found[1]] = Conffile("" if found[2] == "newconffile" else found[2], bool(found[3]))
        yield values["Package"].strip(), values.get("Architecture", "").strip(), state[-1], conffiles


def _package(
    files: GuestReader, name: str, stem: str, conffiles: Mapping[str, Conffile], rules: _Rules
) -> Iterator[PackageFile]:
    listed = _text(files, f"{stem}.list", TEXT_LIMIT).split("\n")
    checksums = dict(_checksums(files, f"{stem}.md5sums", rules.lost))
    folders = {path.rpartition("/")[0] for path in listed}
    for path in listed:
        if path in ("", "/."):
            continue
        if not path.startswith("/"):
            rules.lost(f"{stem}.list", f"names {path[:80]!r}")
            continue
        conffile = conffiles.get(path)
        digest = conffile.digest if conffile else checksums.get(path, "")
        yield _made(path, name, digest, conffile, rules, is_folder=path in folders)


def _made(
    path: str, package: str, digest: str, conffile: Conffile | None, rules: _Rules, *, is_folder: bool = False
) -> PackageFile:
    diverted = rules.diversions.get(path)
    if diverted is not None and diverted.by != package:
        path = diverted.to
    override = rules.overrides.get(path)
    return PackageFile(
        path,
        package,
        FileKind.FILE if digest or conffile else FileKind.DIRECTORY if is_folder else None,
        override.mode if override else None,
        override.owner if override else None,
        override.group if override else None,
        None,
        digest.lower(),
        "md5" if digest else "",
        is_config=conffile is not None,
        is_optional=bool(conffile and conffile.is_given_up) or rules.is_excluded(path),
        is_doc=path.startswith(("/usr/share/doc/", "/usr/share/man/", "/usr/share/info/")),
    )


def _checksums(files: GuestReader, path: str, lost: Callable[[str, str], None]) -> Iterator[tuple[str, str]]:
    """Yield path and digest of each line of an md5sums file; a package may have none."""
    if not files.is_file(path):
        return
    for number, line in enumerate(_text(files, path, TEXT_LIMIT).split("\n"), 1):
        found = CHECKSUM.fullmatch(line)
        if found is not None:
            name = found[3]
            if found[1]:  # as md5sum(1) writes a name with a line feed or a backslash
                name = re.sub(r"\\([\\nr])", lambda match: {"\\": "\\", "n": "\n", "r": "\r"}[match[1]], name)
            yield "/" + name.removeprefix("./").lstrip("/"), found[2]
        elif line.strip():
            lost(path, f"line {number} is no checksum")


def _diversions(files: GuestReader) -> Iterator[tuple[str, Diversion]]:
    """Yield the diversions: three lines each, from, to, by whom."""
    path = f"{FOLDER}/diversions"
    if files.is_file(path):
        lines = _text(files, path, ENTRY_LIMIT).split("\n")
        for at in range(0, len(lines) - 2, 3):
            yield lines[at], Diversion(lines[at + 1], lines[at + 2])


def _overrides(files: GuestReader, lost: Callable[[str, str], None]) -> Iterator[tuple[str, Override]]:
    """Yield the overrides: owner, group, mode and path; an owner may be a number after #."""
    path = f"{FOLDER}/statoverride"
    if not files.is_file(path):
        return
    for number, line in enumerate(_text(files, path, ENTRY_LIMIT).split("\n"), 1):
        words = line.split(" ", 3)
        if len(words) == 4 and re.fullmatch("[0-7]{1,5}", words[2]):
            yield words[3], Override(_who(words[0]), _who(words[1]), int(words[2], 8))
        elif line.strip():
            lost(path, f"line {number} does not parse")


def _who(text: str) -> int | str:
    return int(text[1:]) if re.fullmatch("#[0-9]{1,10}", text) else text


def _filters(files: GuestReader) -> Iterator[tuple[bool, str]]:
    """Yield path-exclude and path-include in the order in which dpkg reads them: whether it takes out, the pattern."""
    for path in _config_files(files):
        if files.is_file(path) and files.stat(path).size <= ENTRY_LIMIT:
            for line in files.read_text(path, limit=ENTRY_LIMIT).splitlines():
                if found := re.fullmatch(r"\s*path-(exclude|include)(?:\s*=\s*|\s+)(\S+)\s*", line):
                    yield found[1] == "exclude", found[2].strip("\"'")


def _config_files(files: GuestReader) -> Iterator[str]:
    """Yield dpkg's configuration: first the folder, then the file (dpkg, lib/dpkg/options.c, dpkg_options_load)."""
    plain, folder = CONFIGS
    if files.is_dir(folder):
        names = (one.name for one in files.list_dir(folder))
        yield from (f"{folder}/{name}" for name in names if re.fullmatch("[A-Za-z0-9_-]+", name))
    yield plain


def _text(files: GuestReader, path: str, limit: int) -> str:
    if files.stat(path).size > limit:
        raise OddGuest(f"{path} is larger than {limit} bytes", hint="it is damaged or hostile")
    return files.read_text(path, limit=limit)
