"""Whom the files of a new filesystem belong to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imgtools.errors import UsageError

Owner = Callable[[int, int], tuple[int, int]]
LARGEST = 0xFFFFFFFE
_RANGE = re.compile(
    r"(?:(?P<of>[ug]):)?(?P<old>\d{1,10}):(?P<new>\d{1,10})(?::(?P<count>\d{1,10}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class _Range:
    """Ids from ``old`` on become ids from ``new`` on, ``count`` of them, as in an idmap of mount(8)."""

    of: str  # "u", "g", or "" for both
    old: int
    new: int
    count: int


def parse_owner(text: str) -> Owner:
    """Return what ``root``, ``keep`` or a map make of a user and a group id.

    A map is ranges with commas between them, each ``[u:|g:]OLD:NEW[:COUNT]``; ids that are in none stay.

    :raises UsageError: it is none of these.
    """
    if text == "root":
        return lambda _uid, _gid: (0, 0)
    if text == "keep":
        return lambda uid, gid: (uid, gid)
    ranges = [_range(word, text) for word in text.split(",")]
    return lambda uid, gid: (_mapped(uid, "u", ranges), _mapped(gid, "g", ranges))


def _range(word: str, text: str) -> _Range:
    found = _RANGE.fullmatch(word.strip())
    if found is None:
        raise UsageError(
            f"no owner: {text!r}", hint="root, keep, or ranges such as 1000:0 or u:100000:0:65536,g:100:27"
        )
    one = _Range(found["of"] or "", int(found["old"]), int(found["new"]), int(found["count"] or 1))
    if not one.count or max(one.old, one.new) + one.count - 1 > LARGEST:
        raise UsageError(f"no ids are so large, or none at all: {word.strip()}")
    return one


def _mapped(number: int, of: str, ranges: Sequence[_Range]) -> int:
    for one in ranges:
        if one.of in ("", of) and one.old <= number < one.old + one.count:
            return one.new + number - one.old
    return number
