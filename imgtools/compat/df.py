"""virt-df: how full filesystems are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from imgtools.compat.dispatch import warn
from imgtools.compat.listfs import filesystems_of
from imgtools.compat.sources import NAMING, SPEAKING, Drives, drives, request_of
from imgtools.compat.text import csv_line, human, put
from imgtools.compat.words import Words, idle, switch, valued
from imgtools.errors import ImgtoolsError, UsageError

if TYPE_CHECKING:
    from imgtools.records.request import ImageRequest
    from imgtools.records.usage import Usage

OPTIONS = (
    *(one for one in NAMING),
    switch("--csv"),
    switch("--human-readable", "-h"),
    switch("--inodes", "-i"),
    idle("each guest is opened alone anyhow", "--one-per-guest"),
    valued("-P"),
    switch("--uuid"),
    *SPEAKING,
)
WIDTH = 36  # of the first column


class Row(NamedTuple):
    """The four numbers of a filesystem as they are printed."""

    whole: str
    used: str
    rest: str
    percent: float


def run(words: Words) -> int:
    """Print a line for each filesystem of the one guest that is named, or of all guests of libvirt."""
    _check(words)
    old = () if words.has("--add") or words.has("--domain") else words.rest
    if words.rest and not old:
        raise UsageError(f"extra argument {words.rest[0]}", hint="name images with -a, guests with -d")
    named = drives(words, old)
    if named.names:
        request = request_of(words, named)
        rows = list(_rows(words, request))
        put(_title(words))
        _print(words, display_name(named), rows)
        return 0
    return _all_guests(words)


def _check(words: Words) -> None:
    if words.has("--human-readable") and words.has("--csv"):
        raise UsageError("you cannot use -h and --csv options together.", hint="leave one of them away")
    threads = words.last("-P")
    if threads is not None and not threads.isdecimal():
        raise UsageError("-P option is not numeric", hint="-P 4")


def _all_guests(words: Words) -> int:
    from imgtools.libvirt.named import Wanted, find_guests
    from imgtools.records.request import ImageRequest

    guests = find_guests(Wanted(everyone=True, connect=words.last("--connect") or ""))
    put(_title(words))
    code = 0
    for guest in guests:
        if guest.problem is not None:  # disks that cannot be had are no failure there
            warn(words, f"{guest.name}: {guest.problem.message}")
            continue
        try:
            request = ImageRequest(guest.disks, guest.keys, share=guest.is_live, domain=guest.name)
            name = guest.uuid if words.has("--uuid") else guest.name
            _print(words, name, list(_rows(words, request)))
        except ImgtoolsError as error:
            warn(words, f"{guest.name}: {error.message}")
            code = 1
    return code


def display_name(named: Drives) -> str:
    """What the guest is called: the last element of the first name, and a plus for each further one."""
    first = named.names[0]
    if named.domains and first == named.names[0] and "/" not in first:
        name = first
    else:
        name = first.rpartition("/")[2] or first
    return name + "+" * (len(named.names) - 1)


def _rows(words: Words, request: ImageRequest) -> Iterator[tuple[str, Row]]:
    """Measure each filesystem; one that cannot be mounted is left out without a word, as by the peer."""
    from imgtools.image.handle import open_request
    from imgtools.records.disks import Declined

    with open_request(request) as image:
        for found in filesystems_of(image.layout(complete=True)):
            if found.content in ("", "swap", "unknown"):
                continue
            usage = image.try_usage(found.volume)
            if not isinstance(usage, Declined):
                yield found.device, _row(words, usage)


def _row(words: Words, usage: Usage) -> Row:
    if words.has("--inodes"):
        taken = usage.inodes - usage.inodes_free
        return Row(
            str(usage.inodes), str(taken), str(usage.inodes_free), _percent(usage.inodes_free, usage.inodes)
        )
    sizes = (usage.size, usage.used, usage.available)
    whole, used, rest = (
        human(size) if words.has("--human-readable") else str(size // 1024) for size in sizes
    )
    return Row(whole, used, rest, _percent(usage.free, usage.size))


def _percent(free: int, whole: int) -> float:
    return 100.0 - 100.0 * free / whole if whole else 0.0


def _names(words: Words) -> tuple[str, ...]:
    if words.has("--inodes"):
        return ("Inodes", "IUsed", "IFree", "IUse%")
    return ("Size" if words.has("--human-readable") else "1K-blocks", "Used", "Available", "Use%")


def _title(words: Words) -> str:
    names = _names(words)
    if words.has("--csv"):
        return csv_line(("VirtualMachine", "Filesystem", *names))
    return f"{'Filesystem':<{WIDTH}}{names[0]:>10} {names[1]:>10} {names[2]:>10} {names[3]:>5}\n"


def _print(words: Words, name: str, rows: list[tuple[str, Row]]) -> None:
    for device, row in rows:
        if words.has("--csv"):
            put(csv_line((name, device, row.whole, row.used, row.rest, f"{row.percent:.1f}")))
            continue
        first = f"{name}:{device}"
        length = len(first.encode("utf-8", "surrogateescape"))
        gap = " " * (WIDTH - length) if length <= WIDTH else "\n" + " " * WIDTH
        percent = f"{math.ceil(row.percent):3}%"
        put(f"{first}{gap}{row.whole:>10} {row.used:>10} {row.rest:>10} {percent:>5}\n")
