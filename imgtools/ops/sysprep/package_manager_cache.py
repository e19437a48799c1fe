"""Remove the packages and lists that package managers have downloaded.

Every cache that is there is emptied of files, whatever the distribution says it is; the directories stay,
because some managers do not make them again.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import remove_files_below
from imgtools.ops.operation import LINUX, NoParams, Operation

CACHES = (
    "/var/cache/apt",  # archives and the two pkgcache files, as apt-get clean
    "/var/lib/apt/lists",
    "/var/cache/dnf",
    "/var/cache/libdnf5",
    "/var/cache/yum",
    "/var/cache/zypp*",
    "/var/cache/pacman/pkg",
    "/var/cache/apk",
    "/var/cache/xbps",
    "/var/cache/distfiles",
    "/var/cache/PackageKit",
)
# apt refuses to work when its lock files' directory is gone, and makes the lock files itself.
KEPT = ("lock",)


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removal of every cached file."""
    yield from remove_files_below(guest.files, *CACHES, keep_names=KEPT)


OPERATION = Operation(summary="Remove the caches of package managers", families=LINUX, plan=plan)
