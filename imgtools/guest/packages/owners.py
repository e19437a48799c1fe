"""Which package of the distribution brings a few files, found without reading what is known of all the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.packages.applications import TEXT_LIMIT
from imgtools.guest.packages.dpkg_files import INFO
from imgtools.guest.packages.owned_files import READERS, Places, package_files
from imgtools.records.files import FileKind


def find_owners(files: GuestReader, package_format: str, paths: Collection[str]) -> dict[str, str]:
    """Return path to package, for those of ``paths`` that a package of the distribution brings.

    Nothing is read where no path is asked for, nor where nobody knows what the packages own.

    :param paths: where files really are.
    :raises OddGuest: a list is larger than any real one, or the database is damaged.
    """
    if package_format not in READERS or not paths:
        return {}
    places = Places(files)
    names = {path.rpartition("/")[2] for path in paths}
    found: dict[str, str] = {}
    for package, listed in _dpkg(files) if package_format == "deb" else _all(files, package_format):
        # Few have one of the names: where they really are is asked of those alone.
        for path in (one for one in listed if one.startswith("/") and one.rpartition("/")[2] in names):
            found.setdefault(places.real(path), package)
    return {path: found[path] for path in paths if path in found}


def _all(files: GuestReader, package_format: str) -> Iterator[tuple[str, Iterable[str]]]:
    for one in package_files(files, package_format, lost=lambda _path, _why: None):
        yield one.package, (one.path,)


def _dpkg(files: GuestReader) -> Iterator[tuple[str, Iterable[str]]]:
    """Read dpkg's lists alone: checksums, diversions and the rest say nothing of who brings a file."""
    if not files.is_dir(INFO):
        return
    for entry in files.list_dir(INFO):
        if entry.name.endswith(".list") and entry.stat.kind is FileKind.FILE:
            text = files.read_text(f"{INFO}/{entry.name}", limit=TEXT_LIMIT)
            yield entry.name.removesuffix(".list").partition(":")[0], text.split("\n")
