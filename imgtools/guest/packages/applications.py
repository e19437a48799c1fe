"""The packages installed in a Linux guest, read from the databases of its package formats."""

from __future__ import annotations

import plistlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from xml.parsers.expat import ExpatError

from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.process import ToolFailed
from imgtools.engine.rpm import COMPANIONS, RpmPackage, check_database, parse_packages, query_packages
from imgtools.errors import BadImage, EngineFailed, EngineTimeout, ImgtoolsError, OddGuest
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.packages.database import RPM_FILES, RPM_FOLDERS
from imgtools.records.files import FileKind
from imgtools.records.packages import Application

TEXT_LIMIT = 64 << 20  # bytes of a dpkg or apk database; a full Debian has 10 MB
DATABASE_LIMIT = 1 << 30  # bytes of an rpm database; the largest seen has 300 MB
ENTRY_LIMIT = 1 << 20  # bytes of the description of one package
MAX_PACKAGES = 200_000


def list_applications(files: GuestReader, package_format: str) -> tuple[Application, ...]:
    """Return the installed packages, sorted by name.

    :raises OddGuest: the database is damaged, or larger than any real one.
    :raises ToolMissing: the format is rpm, and the host has no rpm.
    """
    read = READERS.get(package_format)
    if read is None:
        return ()
    found: list[Application] = []
    for application in read(files):
        if len(found) >= MAX_PACKAGES:
            raise OddGuest(
                f"more than {MAX_PACKAGES} packages", hint="the package database is damaged or hostile"
            )
        found.append(application)
    return tuple(sorted(found, key=lambda one: (one.name, one.arch, one.version)))


def split_version(text: str) -> tuple[int, str, str]:
    """Split ``1:2.3-4`` into epoch, version and release, as dpkg and pacman write it."""
    epoch, colon, rest = text.partition(":")
    if not colon or not (epoch.isascii() and epoch.isdigit() and len(epoch) < 11):
        epoch, rest = "0", text
    version, dash, release = rest.rpartition("-")
    return int(epoch), version if dash else rest, release if dash else ""


def _text(files: GuestReader, path: str, limit: int = TEXT_LIMIT) -> str:
    if files.stat(path).size > limit:
        raise OddGuest(f"{path} is larger than {limit} bytes", hint="it is damaged or hostile")
    return files.read_text(path, limit=limit)


# -- dpkg ----------------------------------------------------------------------------------------------------

# Not a full reader of deb822: the few fields wanted, of which only Description goes over several lines.
_DPKG_FIELD = re.compile(
    r"^(Package|Status|Version|Architecture|Maintainer|Homepage|Source|Description):[ \t]*(.*(?:\n[ \t].*)*)",
    re.MULTILINE,
)
# States of dpkg(1) in which the files of a package are there and set up.
_INSTALLED = ("installed", "triggers-pending", "triggers-awaited")


def _deb(files: GuestReader) -> Iterator[Application]:
    """Read /var/lib/dpkg/status and, for images without dpkg (distroless), status.d."""
    if files.is_file("/var/lib/dpkg/status"):
        yield from parse_dpkg_status(_text(files, "/var/lib/dpkg/status"))
    if files.is_dir("/var/lib/dpkg/status.d"):
        for entry in files.list_dir("/var/lib/dpkg/status.d"):
            path = f"/var/lib/dpkg/status.d/{entry.name}"
            if not entry.name.endswith(".md5sums") and files.is_file(path):
                yield from parse_dpkg_status(_text(files, path, ENTRY_LIMIT))


def _opkg(files: GuestReader) -> Iterator[Application]:
    for path in ("/usr/lib/opkg/status", "/var/lib/opkg/status"):
        if files.is_file(path):
            yield from parse_dpkg_status(_text(files, path))


def parse_dpkg_status(text: str) -> Iterator[Application]:
    """Yield the packages of a status file that are installed; an entry without a status is."""
    for paragraph in re.split(r"\n[ \t]*\n", text):
        values = dict(_DPKG_FIELD.findall(paragraph))
        state = values.get("Status", "installed").split()
        if "Package" not in values or not state or state[-1] not in _INSTALLED:
            continue
        epoch, version, release = split_version(values.get("Version", "").strip())
        summary, _, description = values.get("Description", "").partition("\n")
        source, _, source_version = values.get("Source", "").partition(" (")
        yield Application(
            name=values["Package"].strip(),
            version=version,
            release=release,
            epoch=epoch,
            arch=values.get("Architecture", "").strip(),
            publisher=values.get("Maintainer", "").strip(),
            url=values.get("Homepage", "").strip(),
            source_package=source.strip(),
            source_version=source_version.strip().rstrip(")"),
            summary=summary.strip(),
            description=_unfold(description),
        )


def _unfold(description: str) -> str:
    """Take away the leading space of each line, and the dots that stand for empty lines."""
    lines = (line[1:] for line in description.split("\n"))
    return "\n".join("" if line.strip() == "." else line for line in lines)


# -- rpm -----------------------------------------------------------------------------------------------------


def _rpm(files: GuestReader) -> Iterator[Application]:
    return map(_from_rpm, rpm_packages(files))


def rpm_applications(files: GuestReader, lost: Callable[[str], None] | None = None) -> Iterator[Application]:
    """Yield the packages of an rpm database: as :func:`rpm_packages`."""
    return map(_from_rpm, rpm_packages(files, lost))


def rpm_packages(files: GuestReader, lost: Callable[[str], None] | None = None) -> Iterator[RpmPackage]:
    """Copy the rpm database out of the guest and let the host's rpm read the copy; yield nothing if there is none.

    :param lost: is told what rpm says of a package that it passes over.
    :raises OddGuest: the database cannot be read, or not to its end: what could be is yielded first.
    :raises ToolMissing: the host has no rpm.
    """
    with scratch_folder() as copy:
        database = copy_rpm_database(files, copy)
        if not database:
            return
        failure: ImgtoolsError | None = None
        try:
            packages = query_packages(copy, database, lost)
        except (BadImage, EngineFailed, EngineTimeout) as error:
            packages = parse_packages(error.done.text) if isinstance(error, ToolFailed) else ()
            failure = error
    yield from packages
    if failure is not None:
        raise OddGuest(
            f"the rpm database {join(*find_rpm_database(files))} cannot be read: {failure.message}",
            hint="--no-applications leaves the packages out",
        )


def rpm_database_damage(files: GuestReader) -> str:
    """Return what is wrong with the rpm database of a guest, its indexes too; "" if nothing is, or there is none.

    :raises ToolMissing: the host has no rpm.
    :raises OddGuest: it is larger than any real one.
    """
    with scratch_folder() as copy:
        database = copy_rpm_database(files, copy)
        if not database:
            return ""
        lost: list[str] = []
        try:
            query_packages(copy, database, lost.append)
            return "".join(lost[:1]) or check_database(copy, database)
        except (BadImage, EngineFailed, EngineTimeout) as error:
            return error.message


def copy_rpm_database(files: GuestReader, copy: Path) -> str:
    """Copy the rpm database of a guest, and what belongs to it, into a folder of the host; return its name, or "".

    :raises OddGuest: it is larger than any real one.
    """
    folder, database = find_rpm_database(files)
    for name in (database, *COMPANIONS.get(database, ())):
        if name and files.is_file(join(folder, name)):
            copy_out(files, join(folder, name), copy / name)
    return database


def find_rpm_database(files: GuestReader) -> tuple[str, str]:
    """Return folder and file of the rpm database; an empty one loses to a later one, as after a migration."""
    candidates = [
        (folder, name) for folder in RPM_FOLDERS for name in RPM_FILES if files.is_file(join(folder, name))
    ]
    filled = [(folder, name) for folder, name in candidates if files.stat(join(folder, name)).size]
    return next(iter(filled + candidates), ("", ""))


def copy_out(files: GuestReader, path: str, target: Path) -> None:
    """Copy a package database to a new file of the host.

    :raises OddGuest: it is larger than any real one.
    """
    if files.stat(path).size > DATABASE_LIMIT:
        raise OddGuest(f"{path} is larger than {DATABASE_LIMIT} bytes", hint="it is damaged or hostile")
    with files.open(path) as source, target.open("xb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)


def _from_rpm(package: RpmPackage) -> Application:
    return Application(
        name=package.name,
        version=package.version,
        release=package.release,
        epoch=package.epoch,
        arch=package.arch,
        publisher=package.vendor,
        url=package.url,
        source_package=package.source_rpm,
        license=package.license,
        summary=package.summary,
        description=package.description,
    )


# -- pacman, apk, xbps ---------------------------------------------------------------------------------------


def _pacman(files: GuestReader) -> Iterator[Application]:
    """Read /var/lib/pacman/local/NAME-VERSION-RELEASE/desc: ``%FIELD%`` on a line, its values below."""
    for entry in files.list_dir("/var/lib/pacman/local"):
        path = f"/var/lib/pacman/local/{entry.name}/desc"
        if entry.stat.kind is not FileKind.DIRECTORY or not files.is_file(path):
            continue
        values = dict(re.findall(r"^%(\w+)%\n(.*)$", _text(files, path, ENTRY_LIMIT), re.MULTILINE))
        if values.get("NAME"):
            epoch, version, release = split_version(values.get("VERSION", ""))
            yield Application(
                name=values["NAME"],
                version=version,
                release=release,
                epoch=epoch,
                arch=values.get("ARCH", ""),
                publisher=values.get("PACKAGER", ""),
                url=values.get("URL", ""),
                source_package=values.get("BASE", ""),
                license=values.get("LICENSE", ""),
                summary=values.get("DESC", ""),
                description=values.get("DESC", ""),  # where libguestfs puts it
            )


def _apk(files: GuestReader) -> Iterator[Application]:
    """Read apk's ``installed``: paragraphs of one-letter fields (apk_package.c)."""
    for path in ("/lib/apk/db/installed", "/usr/lib/apk/db/installed"):
        if files.is_file(path):
            yield from parse_apk_installed(_text(files, path))
            return


def parse_apk_installed(text: str) -> Iterator[Application]:
    """Yield the packages of apk's database."""
    for paragraph in text.split("\n\n"):
        values = dict(re.findall(r"^([PVAUTLom]):(.*)$", paragraph, re.MULTILINE))
        if values.get("P"):
            version, _, release = values.get("V", "").partition("-")
            yield Application(
                name=values["P"],
                version=version,
                release=release.removeprefix("r"),  # as libguestfs has it
                arch=values.get("A", ""),
                publisher=values.get("m", ""),
                url=values.get("U", ""),
                source_package=values.get("o", ""),
                license=values.get("L", ""),
                summary=values.get("T", ""),
                description=values.get("T", ""),
            )


def _xbps(files: GuestReader) -> Iterator[Application]:
    """Read xbps' property list."""
    for path in files.glob("/var/db/xbps/pkgdb-*.plist"):
        try:
            packages = plistlib.loads(
                _text(files, path).encode("utf-8", "surrogateescape"), fmt=plistlib.FMT_XML
            )
        except (ValueError, TypeError, AttributeError, IndexError, ExpatError, RecursionError) as error:
            raise OddGuest(f"{path} does not parse: {type(error).__name__}", hint="it is damaged") from None
        if not isinstance(packages, dict):
            raise OddGuest(f"{path} is not a list of packages", hint="it is damaged")
        for name, facts in packages.items():
            if isinstance(facts, dict) and not str(name).startswith("_"):
                yield _from_xbps(str(name), {str(key): str(value) for key, value in facts.items()})


def _from_xbps(name: str, facts: dict[str, str]) -> Application:
    version, _, release = facts.get("pkgver", "").removeprefix(f"{name}-").rpartition("_")
    return Application(
        name=name,
        version=version,
        release=release,
        arch=facts.get("architecture", ""),
        publisher=facts.get("maintainer", ""),
        url=facts.get("homepage", ""),
        source_package=facts.get("source-revisions", "").partition(":")[0],
        license=facts.get("license", ""),
        summary=facts.get("short_desc", ""),
    )


# -- formats whose folder names are the list -----------------------------------------------------------------


def _portage(files: GuestReader) -> Iterator[Application]:
    """Read the names of /var/db/pkg/CATEGORY/NAME-VERSION[-rN] (PMS, 3.2)."""
    for category in files.list_dir("/var/db/pkg"):
        if category.stat.kind is FileKind.DIRECTORY:
            for entry in files.list_dir(f"/var/db/pkg/{category.name}"):
                match = re.fullmatch(r"(.+?)-(\d[\w.]*)(?:-(r\d+))?", entry.name)
                if match:
                    yield Application(f"{category.name}/{match[1]}", match[2], match[3] or "")


def _pkgtools(files: GuestReader) -> Iterator[Application]:
    """Read Slackware's file names: NAME-VERSION-ARCH-BUILD."""
    for folder in ("/var/lib/pkgtools/packages", "/var/log/packages"):
        if files.is_dir(folder):
            for entry in files.list_dir(folder):
                parts = entry.name.rsplit("-", 3)
                if len(parts) == 4:
                    yield Application(parts[0], parts[1], parts[3], arch=parts[2])
            return


READERS: dict[str, Callable[[GuestReader], Iterable[Application]]] = {
    "deb": _deb,
    "rpm": _rpm,
    "pacman": _pacman,
    "apk": _apk,
    "xbps": _xbps,
    "ebuild": _portage,
    "pkgtools": _pkgtools,
    "opkg": _opkg,
}
