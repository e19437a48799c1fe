"""Make room where a filesystem is full: what can be downloaded again goes, other things only when they are named.

Without ``which`` the packages and lists that package managers have downloaded go, of filesystems that are full. What
``which`` names goes whether they are full or not: ``caches`` (the same), ``journal`` (journals that nobody writes to
any more), ``dumps`` (of crashed programs and kernels), ``logs`` (that were put aside, of a megabyte and more),
``large-logs`` (that are being written and have more than 100 MB: they are emptied) and ``kernels``: those that are
neither the newest nor the one that starts by default, removed by dpkg or rpm in the guest's own tree. The plan says of
each file how large it is.

Source: systemd-journald.service(8), logrotate(8), apt-get(8) (clean), kernel-install(8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from imgtools.change.change import Change, Remove, RunInGuest, Truncate
from imgtools.errors import UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.health.room import (
    caches,
    dumps,
    large_logs,
    old_journals,
    old_kernels,
    room_of,
    rotated_logs,
    usage_at,
)
from imgtools.ops.linux_repairs import one_of
from imgtools.ops.operation import LINUX, Operation
from imgtools.records.found import FoundFile
from imgtools.records.system import Warned
from imgtools.units import format_size

REMOVED: Mapping[str, Callable[[GuestReader], Iterator[FoundFile]]] = {
    "caches": caches,
    "journal": old_journals,
    "dumps": dumps,
    "logs": rotated_logs,
}
KINDS = (*REMOVED, "large-logs", "kernels")
PLACES = ("/", "/boot", "/var", "/var/log", "/var/cache", "/var/lib", "/tmp", "/home")
DPKG = (
    "dpkg --purge $(dpkg-query -W -f='${{db:Status-Abbrev}}${{Package}}\\n' 'linux-*-{version}'"
    " | sed -n 's/^ii *//p')"
)
RPM = (
    "rpm -e $({{ rpm -qf '{vmlinuz}'; rpm -qa --qf '%{{NAME}}-%{{VERSION}}-%{{RELEASE}}.%{{ARCH}}\\n' 'kernel*'"
    " | grep -F -e '-{version}'; }} | grep -v ' ' | sort -u)"
)


@dataclass(frozen=True, slots=True)
class Params:
    """``which``: caches, journal, dumps, logs, large-logs, kernels; without it the caches of what is full."""

    which: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for one in self.which:
            one_of(one, "which", KINDS)


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the removal of each file, with its size.

    :raises UnsupportedGuest: kernels are to go, and neither dpkg nor rpm installed them.
    """
    files = guest.files
    for one in caches(files) if not params.which else ():
        usage = usage_at(files, one.path)
        if usage is not None and room_of(usage).is_short:
            yield Remove(one.path, size=one.stat.size)
    for kind in params.which:
        for one in REMOVED[kind](files) if kind in REMOVED else ():
            yield Remove(one.path, size=one.stat.size)
    if "large-logs" in params.which:
        yield from (Truncate(one.path, size_before=one.stat.size) for one in large_logs(files))
    if "kernels" in params.which:
        yield from _without_kernels(guest)


def _without_kernels(guest: Guest) -> Iterator[Change]:
    script = (
        DPKG if guest.files.is_file("/usr/bin/dpkg") else RPM if guest.files.is_file("/usr/bin/rpm") else ""
    )
    for old in old_kernels(guest):
        kernel = old.kernel
        if not script:
            raise UnsupportedGuest("neither dpkg nor rpm is there to remove kernels with")
        if re.fullmatch(r"[\w.+~-]{1,100}", kernel.version) and re.fullmatch(r"[\w./+~-]+", kernel.vmlinuz):
            what = f"remove the kernel {kernel.version} ({format_size(old.size)})"
            text = script.format(version=kernel.version, vmlinuz=kernel.vmlinuz)
            yield RunInGuest(text, what=what)


def remarks(guest: Guest, params: Params) -> Iterator[Warned]:
    """Say which filesystems are full, and how much more there is to make room of."""
    full = []
    for path in PLACES:
        usage = usage_at(guest.files, path) if guest.files.is_dir(path) else None
        if usage is not None and room_of(usage).is_short and usage not in full:
            full.append(usage)
            room = f"{format_size(usage.available)} of {format_size(usage.size)}"
            left = f"{room} and {usage.inodes_free} inodes are left"
            yield Warned(f"the filesystem is full: {left}", path)
    if not full or params.which:
        return
    for kind, look in REMOVED.items():
        size = sum(one.stat.size for one in look(guest.files)) if kind != "caches" else 0
        if size:
            yield Warned(f"make-room.which={kind} would make room of {format_size(size)} more")


OPERATION = Operation(
    summary="Make room where a filesystem is full",
    families=LINUX,
    plan=plan,
    params=Params,
    remarks=remarks,
    notes="Logs and dumps say why the guest broke: copy them out first (`imgtools copy-out`).",
)
