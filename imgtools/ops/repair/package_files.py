"""Put back a package's files: from a package file of the host, or from the guest's own cache of packages.

``file`` is a .deb, .rpm or .pkg.tar of the host, which should be of the version that is installed; ``package`` is a
package's name, looked for in the caches of apt, dnf, yum, zypper and pacman in the guest. Only what is missing, or has
another content or mode, is written. Configuration in /etc is put back where it is missing; where it differs somebody
has changed it, and ``config=yes`` is needed. No script of the package is run, and the package database is as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.change.change import Change, MakeDirectory, MakeLink, Remove, SetMode, WriteFile
from imgtools.errors import GuestFileError, UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.ops.operation import LINUX, Operation
from imgtools.records.files import FileKind

if TYPE_CHECKING:
    from imgtools.change.package_file import Packed

# The caches, and what the name of a file there begins with; the version follows.
CACHES = (
    "/var/cache/apt/archives/{}_*.deb",
    "/var/cache/dnf/*/packages/{}-[0-9]*.rpm",
    "/var/cache/libdnf5/*/packages/{}-[0-9]*.rpm",
    "/var/cache/yum/*/*/*/packages/{}-[0-9]*.rpm",
    "/var/cache/zypp/packages/*/*/{}-[0-9]*.rpm",
    "/var/cache/pacman/pkg/{}-[0-9]*.pkg.tar.{{zst,xz,gz}}",
)
LARGEST_PACKAGE = 1 << 30  # bytes
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.+_-]*")


@dataclass(frozen=True, slots=True)
class Params:
    """``file``: of the host; ``package``: a name in the guest's cache; ``config``: what differs in /etc too."""

    file: str = ""
    package: str = ""
    config: bool = False

    def __post_init__(self) -> None:
        if bool(self.file) == bool(self.package):
            raise ValueError("say file (a package of the host) or package (a name in the guest's cache)")
        if self.package and not NAME.fullmatch(self.package):
            raise ValueError(f"no name of a package: {self.package!r}")


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the files that are missing or differ.

    :raises HostError: the package cannot be read.
    :raises UnsupportedGuest: the guest's cache does not have it.
    """
    from imgtools.change.package_file import read_cached, read_package  # the shelf is read for every guest

    if params.file:
        members = read_package(Path(params.file))
    else:
        members = read_cached(guest.files, _in_cache(guest, params.package))
    for one in members:
        yield from _put_back(guest.files, one, config=params.config)


def _in_cache(guest: Guest, package: str) -> str:
    found = [path for pattern in CACHES for path in guest.files.glob(pattern.format(package))]
    fitting = [path for path in found if guest.files.is_file(path)]
    if not fitting:
        raise UnsupportedGuest(
            f"the package {package} is in none of the guest's caches",
            hint="give it as a file: --set package-files.file=FILE.deb (or .rpm)",
        )
    path = max(fitting, key=lambda one: guest.files.stat(one).mtime)
    if guest.files.stat(path).size > LARGEST_PACKAGE:
        raise UnsupportedGuest(f"{path} is larger than {LARGEST_PACKAGE} bytes")
    return path


def _put_back(files: GuestReader, one: Packed, *, config: bool) -> Iterator[Change]:
    try:
        found = files.lstat(one.path)
    except GuestFileError:
        found = None
    if one.kind is FileKind.DIRECTORY:
        if not files.exists(one.path):
            yield MakeDirectory(one.path, one.mode, one.uid, one.gid)
    elif one.kind is FileKind.LINK:
        if found is None or (found.kind is FileKind.LINK and not files.exists(one.path)):
            is_so = found is not None and files.read_link(one.path) == one.target
            yield from () if is_so else (MakeLink(one.path, one.target, one.uid, one.gid),)
    elif not files.exists(one.path):
        if found is not None:  # a link that leads nowhere
            yield Remove(one.path)
        yield WriteFile(one.path, one.content, one.mode, one.uid, one.gid)
    elif files.is_file(one.path) and (config or not one.path.startswith("/etc/")):
        yield from _corrected(files, one)


def _corrected(files: GuestReader, one: Packed) -> Iterator[Change]:
    there = files.stat(one.path)
    is_same = (
        there.size == len(one.content) and files.read_bytes(one.path, limit=there.size + 1) == one.content
    )
    if not is_same:
        yield WriteFile(one.path, one.content, one.mode)
    elif there.mode != one.mode:
        yield SetMode(one.path, one.mode)


def lacking(guest: Guest) -> str:
    """Say so if the guest has no packages."""
    return (
        ""
        if guest.os.package_format in ("deb", "rpm", "pacman")
        else "no packages of a kind that is read here"
    )


OPERATION = Operation(
    summary="Put back the files of a package",
    families=LINUX,
    plan=plan,
    params=Params,
    lacking=lacking,
    default=False,
    order=280,
    notes="Owners are those in the package by number; of an RPM they are root.",
)
