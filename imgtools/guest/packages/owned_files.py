"""Which files of a Linux guest belong to which package, and what the package database says of each.

One module a format knows its database: ``dpkg_files``, ``rpm_files``, ``apk_files``, ``pacman_files``. Nothing of the
guest is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import cast

from imgtools.errors import GuestFileError, OddGuest, UnsupportedGuest
from imgtools.files.paths import join, normalise, parent_of
from imgtools.files.tree import GuestReader
from imgtools.records.packages import PackageFile

# Format -> the module with its reader `package_files(files)`.
READERS = {"deb": "dpkg_files", "rpm": "rpm_files", "apk": "apk_files", "pacman": "pacman_files"}
Lost = Callable[[str, str], None]  # a path of the database, and what is wrong with it
MAX_FILES = 5_000_000  # a guest with every package of a distribution has less


def package_files(files: GuestReader, package_format: str, lost: Lost | None = None) -> Iterator[PackageFile]:
    """Yield every file of every installed package, package after package; a shared file once for each owner.

    :param package_format: as in ``OsInfo.package_format``.
    :param lost: is told of a part of the database that is damaged, and the rest is read; without it, that is an error.
    :raises UnsupportedGuest: nobody here knows which files the packages of this format own.
    :raises OddGuest: the database is damaged, cannot be read, or is larger than any real one; its path is named.
    :raises ToolMissing: the format is rpm, and the host has no rpm.
    """
    name = READERS.get(package_format)
    if name is None:
        known = ", ".join(sorted(READERS))
        raise UnsupportedGuest(
            f"which files its packages own is not known for the format {package_format or 'of this guest'}",
            hint=f"known are: {known}",
        )
    module = import_module(f"imgtools.guest.packages.{name}")
    read = cast(Callable[[GuestReader, Lost], Iterator[PackageFile]], module.package_files)
    for number, one in enumerate(read(files, lost or _refuse)):
        if number >= MAX_FILES:
            raise OddGuest(
                f"the packages own more than {MAX_FILES} files", hint="the database is damaged or hostile"
            )
        yield one


def _refuse(path: str, why: str) -> None:
    raise OddGuest(f"{path} {why}", hint="the package database is damaged")


class Places:
    """Where paths of packages really are: their folders with links resolved, as after a merge of /usr.

    The last component is not followed: a link that a package owns is a file of its own.
    """

    def __init__(self, files: GuestReader) -> None:
        self._files = files
        self._folders: dict[str, str] = {"/": "/"}

    def real(self, path: str) -> str:
        """Return the place of ``path``; a path in a folder that is not there stays as it is."""
        folder, _, name = path.rpartition("/")
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = self._resolve(folder)
        return f"{real}/{name}" if real != "/" else f"/{name}"

    def _resolve(self, folder: str) -> str:
        folder = normalise(folder)
        try:
            return self._files.resolve(folder)
        except GuestFileError:
            return (
                folder if folder == "/" else join(self._resolve(parent_of(folder)), folder.rpartition("/")[2])
            )


class OwnedPaths:
    """The files that packages own, by the place where they really are."""

    def __init__(self, files: GuestReader, owners: dict[str, str]) -> None:
        self._places = Places(files)
        self._owners = owners

    def __len__(self) -> int:
        return len(self._owners)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self.owner(path) is not None

    def owner(self, path: str) -> str | None:
        """Return the name of a package that owns ``path``, None if there is none. A last link is not followed."""
        return self._owners.get(path) or self._owners.get(self._places.real(path))


def owned_paths(files: GuestReader, package_format: str, lost: Lost | None = None) -> OwnedPaths:
    """Return who owns which path: the question "which file does no package own" for many files.

    :param lost: as for :func:`package_files`.
    :raises UnsupportedGuest, OddGuest, ToolMissing: as :func:`package_files`.
    """
    places = Places(files)
    owners: dict[str, str] = {}
    for one in package_files(files, package_format, lost):
        owners.setdefault(places.real(one.path), one.package)
    return OwnedPaths(files, owners)
