"""The files of the packages of an Alpine guest: apk's ``installed``.

Source: apk-tools, src/database.c (apk_db_fdb_read): F: a folder, M: its owners and mode, R: a file in it, a: the file's
owners and mode, Z: its checksum. What has no line a: or M: is root's, 0644 and 0755.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.packages.applications import TEXT_LIMIT
from imgtools.records.files import FileKind
from imgtools.records.packages import PackageFile

DATABASES = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
PROTECTED = "/etc/apk/protected_paths.d"
# apk-tools, src/database.c, apk_db_open: +folders hold configuration, - and @ and ! ones do not.
DEFAULT_PROTECTED = (("+", "etc"), ("@", "etc/init.d"), ("!", "etc/apk"))
CHECKSUMS = {"Q1": "sha1", "Q2": "sha256"}
ACL = re.compile(r"(\d{1,10}):(\d{1,10}):([0-7]{1,5})(?::.*)?")


def package_files(files: GuestReader, lost: Callable[[str, str], None]) -> Iterator[PackageFile]:
    """Yield every file and folder; see ``owned_files.package_files``."""
    for path in DATABASES:
        if files.is_file(path):
            if files.stat(path).size > TEXT_LIMIT:
                raise OddGuest(f"{path} is larger than {TEXT_LIMIT} bytes", hint="it is damaged or hostile")
            text = files.read_text(path, limit=TEXT_LIMIT)
            yield from parse_installed(text, partial(lost, path), tuple(_protected(files)))
            return


def parse_installed(
    text: str, lost: Callable[[str], None], protected: tuple[tuple[str, str], ...] = DEFAULT_PROTECTED
) -> Iterator[PackageFile]:
    """Yield the files in the text of a database; ``lost`` is told of a line that does not parse, or is out of place."""
    package, folder, current = "", None, None
    for number, line in enumerate(text.split("\n"), 1):
        field, colon, value = line[:1], line[1:2], line[2:]
        if field not in ("P", "F", "M", "R", "a", "Z", "") or (field and colon != ":"):
            continue
        try:
            if field in ("", "F", "R", "P") and current is not None:
                yield current
                current = None
            if not field:
                package, folder = "", None
            elif field == "P":
                package = value
            elif field == "F":
                folder = value.strip("/")
                current = _folder(package, folder) if folder else None
            elif field == "R":
                current = _file(package, folder, value, protected)
            elif current is not None:
                current = _told(current, field, value)
        except ValueError as error:
            lost(f"line {number}: {error}")
    if current is not None:
        yield current


def _folder(package: str, folder: str) -> PackageFile:
    if not package:
        raise ValueError("a folder outside of a package")
    return PackageFile(f"/{folder}", package, FileKind.DIRECTORY, 0o755, 0, 0)


def _file(package: str, folder: str | None, name: str, protected: tuple[tuple[str, str], ...]) -> PackageFile:
    if not package or folder is None or not name or "/" in name:
        raise ValueError("a file outside of a folder of a package")
    path = f"{folder}/{name}".lstrip("/")
    # 0644 where nothing is said, but a link has no mode that counts; which of the two it is nobody says.
    return PackageFile(
        f"/{path}", package, None, 0o644, 0, 0, is_config=_is_protected(path, protected), hashes_link=True
    )


def _told(one: PackageFile, field: str, value: str) -> PackageFile:
    if field == "Z":
        digest, algorithm = parse_checksum(value)
        return replace(one, digest=digest, algorithm=algorithm)
    found = ACL.fullmatch(value)
    if found is None:
        raise ValueError(f"no owners and mode: {value[:40]!r}")
    return replace(one, owner=int(found[1]), group=int(found[2]), mode=int(found[3], 8))


def parse_checksum(text: str) -> tuple[str, str]:
    """Return the hexadecimal digest and the algorithm of ``Q1...``.

    :raises ValueError: it is none.
    """
    algorithm = CHECKSUMS.get(text[:2])
    if algorithm is None:
        raise ValueError(f"an unknown kind of checksum: {text[:40]!r}")
    try:
        return base64.b64decode(text[2:], validate=True).hex(), algorithm
    except binascii.Error:
        raise ValueError(f"no checksum: {text[:40]!r}") from None


def _protected(files: GuestReader) -> Iterator[tuple[str, str]]:
    """Yield apk's rules of what is configuration, in the order in which they count."""
    yield from DEFAULT_PROTECTED
    for path in files.glob(f"{PROTECTED}/*.list"):
        if not files.is_file(path) or files.stat(path).size > 1 << 20:
            continue
        for line in files.read_text(path, limit=1 << 20).splitlines():
            if line[:1] in ("+", "-", "@", "!"):
                yield line[0], line[1:].strip().strip("/")


def _is_protected(path: str, protected: tuple[tuple[str, str], ...]) -> bool:
    kind = ""
    for letter, folder in protected:
        if path == folder or path.startswith(f"{folder}/"):
            kind = letter
    return kind == "+"
