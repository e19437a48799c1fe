"""Looks for what no package owns in folders where all should be of packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imgtools.guest.packages.owned_files import OwnedPaths, owned_paths
from imgtools.ops.check import Flaw, Look, Seen
from imgtools.ops.operation import Params
from imgtools.ops.secret_checks import matching_files
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotKnown


def owned(examined: Examined) -> OwnedPaths | None:
    """Return who owns which file; None where nobody knows, because the packages are of another kind.

    :raises OddGuest: the package database is damaged.
    """
    package_format = examined.system.os.package_format
    return (
        owned_paths(examined.files, package_format)
        if package_format in ("deb", "rpm", "apk", "pacman")
        else None
    )


def not_owned(what: str, advice: str, *patterns: str, but: Iterable[str] = ()) -> Look:
    """Return a look that finds files that match and that no package owns.

    :param but: ends of paths that are left alone.
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        paths = list(matching_files(examined.files, *patterns))
        owners = examined.once(owned) if paths else None
        if paths and (owners is None or not len(owners)):
            yield NotKnown("which files its packages own is not known")
            return
        for path in paths:
            if (
                owners is not None
                and examined.files.resolve(path) not in owners
                and not path.endswith(tuple(but))
            ):
                yield Flaw(f"{what} that no package owns", path, advice=advice)

    return look
