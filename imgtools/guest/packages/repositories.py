"""Where a Linux guest's packages come from, and whether it wants them signed: apt, dnf and yum, zypper, pacman.

Sources: sources.list(5), apt-secure(8), dnf.conf(5), zypper(8) and zypp.conf, pacman.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader

LIMIT = 1 << 20
MAX_FILES = 500
APT = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources")
APT_CONF = ("/etc/apt/apt.conf.d/*", "/etc/apt/apt.conf")
RPM = ("/etc/yum.repos.d/*.repo", "/etc/zypp/repos.d/*.repo")
DNF_CONF = ("/etc/dnf/dnf.conf", "/etc/yum.conf")
ZYPP_CONF = "/etc/zypp/zypp.conf"
YES, NO = ("1", "yes", "true", "on", "enabled"), ("0", "no", "false", "off", "disabled")


@dataclass(frozen=True, slots=True)
class Said:
    """A setting of a section: its value and its line."""

    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section of an ini file, with its settings in lower case."""

    path: str
    name: str
    line: int
    values: dict[str, Said] = field(default_factory=dict)

    def get(self, key: str) -> str:
        """Return a value; "" if it is not there."""
        said = self.values.get(key)
        return said.value if said else ""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A repository, or a setting for all, whose packages nobody has to have signed."""

    name: str
    path: str
    line: int
    text: str
    section: Section | None = None


def read_sections(files: GuestReader, path: str) -> tuple[Section, ...]:
    """Read an ini file as dnf, zypper and pacman do; what is before the first section is one without a name."""
    sections = [Section(path, "", 1)]
    for number, line in enumerate(_text(files, path).split("\n"), 1):
        bare = line.strip()
        if bare.startswith("[") and "]" in bare:
            sections.append(Section(path, bare[1 : bare.index("]")], number))
        elif bare and bare[0] not in "#;" and "=" in bare and line[:1] not in " \t":
            key, _, value = bare.partition("=")
            sections[-1].values[key.strip().lower()] = Said(value.strip(), number)
    return tuple(sections)


def _text(files: GuestReader, path: str) -> str:
    if not files.is_file(path):
        return ""
    if files.stat(path).size > LIMIT:
        raise OddGuest(f"{path} is larger than {LIMIT} bytes", hint="no list of repositories is")
    return files.read_text(path, limit=LIMIT)


def _paths(files: GuestReader, patterns: tuple[str, ...]) -> Iterator[str]:
    found = (path for pattern in patterns for path in files.glob(pattern))
    there = [path for path in found if files.is_file(path)]
    if len(there) > MAX_FILES:
        raise OddGuest(f"more than {MAX_FILES} files of repositories, as {there[0]}")
    yield from there


# -- apt -----------------------------------------------------------------------------------------------------


def unsigned_apt(files: GuestReader) -> Iterator[Unsigned]:
    """Yield the sources that apt trusts without a signature, and the settings that make it trust all."""
    for path in _paths(files, APT):
        text = _text(files, path)
        found = _deb822(path, text) if path.endswith(".sources") else _one_line(path, text)
        yield from found
    for path in _paths(files, APT_CONF):
        for number, line in enumerate(_text(files, path).split("\n"), 1):
            for name in ("AllowUnauthenticated", "AllowInsecureRepositories", "AllowWeakRepositories"):
                said = re.match(rf"[^#\n]{{0,200}}\b{name}[ \t]+\"?(\w+)", line)
                if said and not line.lstrip().startswith("//") and said[1].lower() in YES:
                    yield Unsigned("all", path, number, f"{name} {said[1]}")


def _one_line(path: str, text: str) -> Iterator[Unsigned]:
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(r"\s*deb(?:-src)?\s+\[([^\]]*)\]\s*(\S+)", line)
        options = found[1].lower().split() if found else []
        for option in options:
            key, _, value = option.partition("=")
            if key in ("trusted", "allow-insecure") and value in YES and found:
                yield Unsigned(_without_password(found[2]), path, number, option)


def _deb822(path: str, text: str) -> Iterator[Unsigned]:
    start = 1
    for stanza in re.split(r"\n[ \t]*(?=\n)", text):
        lines = stanza.split("\n")
        said = {line.partition(":")[0].strip().lower(): (line.partition(":")[2].strip(), at)
                for at, line in enumerate(lines, start) if ":" in line and line[:1] not in "# \t"}  # fmt: skip
        for key in ("trusted", "allow-insecure"):
            value, line = said.get(key, ("", 0))
            if value.lower() in YES and said.get("enabled", ("yes", 0))[0].lower() not in NO:
                yield Unsigned(_without_password(said.get("uris", ("", 0))[0]), path, line, f"{key}: {value}")
        start += len(lines)


def _without_password(url: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", url)[:200]


# -- dnf, yum, zypper ----------------------------------------------------------------------------------------


def rpm_repositories(files: GuestReader) -> Iterator[Section]:
    """Yield the repositories of dnf, yum and zypper that are used."""
    for path in _paths(files, RPM):
        for section in read_sections(files, path):
            if section.name and section.get("enabled").lower() not in NO and _is_elsewhere(section):
                yield section


def _is_elsewhere(section: Section) -> bool:
    """Whether it has an address, and that is no medium or folder of the machine itself."""
    url = section.get("baseurl") or section.get("mirrorlist") or section.get("metalink")
    return bool(url) and not url.startswith(("file:", "cdrom:", "dvd:", "cd:", "dir:", "hd:", "iso:"))


def unsigned_rpm(files: GuestReader) -> Iterator[Unsigned]:
    """Yield the repositories whose packages nobody has to have signed."""
    mains = [one for path in DNF_CONF for one in read_sections(files, path) if one.name == "main"]
    main = next((one.get("gpgcheck") or one.get("pkg_gpgcheck") for one in mains), "")
    zypp = [one for one in read_sections(files, ZYPP_CONF) if one.name == "main"]
    for section in rpm_repositories(files):
        is_zypp = section.path.startswith("/etc/zypp/")
        key = "pkg_gpgcheck" if section.get("pkg_gpgcheck") else "gpgcheck"
        said = section.get(key)
        usual = next((one.get("gpgcheck") for one in zypp), "") or "1" if is_zypp else main or "0"
        if (said or usual).lower() in NO:
            line = section.values[key].line if said else section.line
            text = f"{key}={said}" if said else "gpgcheck is not set, and off"
            yield Unsigned(section.name, section.path, line, text, section)


# -- pacman --------------------------------------------------------------------------------------------------


def unsigned_pacman(files: GuestReader) -> Iterator[Unsigned]:
    """Yield the repositories, and the options for all, that want no signature of packages: SigLevel."""
    for section in read_sections(files, "/etc/pacman.conf"):
        words = section.get("siglevel").split()
        bad = [word for word in words if word in ("Never", "PackageNever", "TrustAll", "PackageTrustAll")]
        if bad and section.name:
            line = section.values["siglevel"].line
            yield Unsigned(section.name, section.path, line, f"SigLevel = {' '.join(words)}"[:200])
