"""What ``ls -la`` prints in libguestfs' appliance, which has no names for owners: in the time zone UTC."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from imgtools.files.paths import join, parent_of
from imgtools.units import format_mode

if TYPE_CHECKING:
    from imgtools.files.tree import GuestReader
    from imgtools.records.files import FileStat

NS = 1_000_000_000
HALF_A_YEAR = 31_556_952 // 2  # seconds: half an average Gregorian year, as ls has it
SYSROOT = "/sysroot"  # where the guest is mounted in the appliance


class Listed(NamedTuple):
    """One entry, its fields as they are printed."""

    mode: str
    links: str
    user: str
    group: str
    size: str  # or a device's numbers
    moment: str
    name: str
    blocks: int


def long_list(files: GuestReader, path: str, now: float | None = None) -> Iterator[str]:
    """Yield the lines of ``ls -la`` of a directory, or the one line of a file.

    :param now: seconds since 1970; times far from it are shown with their year.
    """
    moment = time.time() if now is None else now
    real = files.resolve(path)
    if not files.is_dir(real):
        yield from _lines([_listed(files, real, SYSROOT + real, files.stat(real), moment)])
        return
    above = parent_of(real) if real != "/" else "/"
    entries = [
        _listed(files, real, ".", files.stat(real), moment),
        _listed(files, above, "..", files.stat(above), moment),
    ]
    for one in sorted(files.list_dir(real), key=lambda one: os.fsencode(one.name)):
        entries.append(_listed(files, join(real, one.name), one.name, one.stat, moment))
    yield f"total {-(-sum(one.blocks for one in entries) // 2)}\n"
    yield from _lines(entries)


def _listed(files: GuestReader, path: str, name: str, stat: FileStat, now: float) -> Listed:
    from imgtools.records.files import FileKind

    attributes = files.xattrs(path) if stat.kind is not FileKind.UNKNOWN else {}
    mark = "+" if _has_acl(attributes) else "." if "security.selinux" in attributes else ""
    is_node = stat.kind in (FileKind.CHARACTER, FileKind.BLOCK)
    return Listed(
        format_mode(stat.kind, stat.mode) + mark,
        str(stat.links),
        str(stat.uid),
        str(stat.gid),
        f"{stat.device[0]}, {stat.device[1]}" if is_node else str(stat.size),
        _moment(stat.mtime // NS, now),
        f"{name} -> {files.read_link(path)}" if stat.kind is FileKind.LINK else name,
        (stat.room or 0) // 512,
    )


def _has_acl(attributes: object) -> bool:
    names = set(attributes) if isinstance(attributes, dict) else set()
    return bool(names & {"system.posix_acl_access", "system.posix_acl_default"})


def _moment(seconds: int, now: float) -> str:
    recent = now - HALF_A_YEAR < seconds <= now
    there = time.gmtime(seconds)
    return time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", there)


def _lines(entries: Sequence[Listed]) -> Iterator[str]:
    widths = [max(len(str(one[at])) for one in entries) for at in range(5)]
    for one in entries:
        fields = (
            one.mode.ljust(widths[0]),
            one.links.rjust(widths[1]),
            one.user.rjust(widths[2]),
            one.group.rjust(widths[3]),
            one.size.rjust(widths[4]),
        )
        yield f"{' '.join(fields)} {one.moment} {one.name}\n"
