"""Which of two versions of a language's package is newer, by the rules of its package manager.

Sources: semver.org 2.0.0, item 11 (npm, crates.io, Go, NuGet); PEP 440, by the library ``packaging``; Gem::Version of
RubyGems; Maven's ComparableVersion ("POM Reference", version order specification). As in
:mod:`imgtools.guest.packages.versions`, a number below zero means that the first is older. None: the rules do not
say, because one of the two is no version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import zip_longest

LONGEST = 256  # characters of a version; longer ones are none

Key = tuple[int, int | str]  # numbers are compared with numbers; which of two kinds is first is in front


def compare_semver(one: str, other: str) -> int | None:
    """Compare ``1.2.3-rc.1+build``; a ``v`` in front, and a fourth number (NuGet), are allowed."""
    parsed, parsed2 = _semver(one), _semver(other)
    if parsed is None or parsed2 is None:
        return None
    newer = _compare_padded(parsed[0], parsed2[0], (1, 0))
    if newer or parsed[1] == parsed2[1]:
        return newer
    if not (parsed[1] and parsed2[1]):  # one of them is the release itself
        return 1 if not parsed[1] else -1
    return (parsed[1] > parsed2[1]) - (parsed[1] < parsed2[1])


_SEMVER = re.compile(r"[vV=]?(\d+(?:\.\d+){0,3})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]*)?", re.ASCII)


def _semver(text: str) -> tuple[list[Key], list[Key]] | None:
    match = _SEMVER.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if match is None:
        return None
    # Numbers are older than words.
    before: list[Key] = [
        (0, int(each)) if each.isdigit() else (1, each) for each in (match[2] or "").split(".") if each
    ]
    return [(1, int(each)) for each in match[1].split(".")], before


def _compare_padded(one: Sequence[Key], other: Sequence[Key], empty: Key) -> int:
    for key, key2 in zip_longest(one, other, fillvalue=empty):
        if key != key2:
            return 1 if key > key2 else -1
    return 0


def compare_pypi(one: str, other: str) -> int | None:
    """Compare versions of Python packages."""
    from packaging.version import InvalidVersion, Version

    if max(len(one), len(other)) > LONGEST:
        return None
    try:
        first, second = Version(one), Version(other)
    except InvalidVersion:
        return None
    return (first > second) - (first < second)


def compare_gem(one: str, other: str) -> int | None:
    """Compare versions of gems: a part with letters is before a release."""
    if max(len(one), len(other)) > LONGEST:
        return None
    keys = [_gem(text) for text in (one, other)]
    return None if None in keys else _compare_padded(keys[0] or (), keys[1] or (), (1, 0))


def _gem(text: str) -> list[Key] | None:
    plain = text.strip().replace("-", ".pre.") or "0"
    if re.fullmatch(r"\d+(?:\.[0-9A-Za-z]+)*", plain, re.ASCII) is None:
        return None
    return [(1, int(each)) if each.isdigit() else (0, each) for each in re.findall(r"\d+|[A-Za-z]+", plain)]


# Words that Maven knows, in their order; the empty one is the release. Unknown ones come behind it, by letters.
_MAVEN = {"alpha": -5, "beta": -4, "milestone": -3, "rc": -2, "snapshot": -1, "": 0, "sp": 1}
_MAVEN_ALIAS = {"a": "alpha", "b": "beta", "m": "milestone", "cr": "rc", "ga": "", "final": "", "release": ""}


def compare_maven(one: str, other: str) -> int | None:
    """Compare versions of jars."""
    if max(len(one), len(other)) > LONGEST:
        return None
    for piece, piece2 in zip_longest(_maven(one), _maven(other), fillvalue=""):
        key, key2 = _maven_key(piece, piece2), _maven_key(piece2, piece)
        if key != key2:
            return 1 if key > key2 else -1
    return 0


def _maven(text: str) -> list[str]:
    pieces = re.findall(r"\d+|[a-z]+", text.lower(), re.ASCII)
    named = [_MAVEN_ALIAS.get(each, each) for each in pieces]
    while named and (named[-1] == "" or named[-1].strip("0") == ""):
        del named[-1]
    return named


def _maven_key(piece: str, beside: str) -> tuple[int, int, str]:
    """A number is newer than a word, and a missing part is a zero beside a number, the release beside a word."""
    if piece.isdigit():
        return 2, int(piece), ""
    if not piece and beside.isdigit():
        return 2, 0, ""
    known = _MAVEN.get(piece)
    return (0, known, "") if known is not None else (0, 2, piece)


COMPARE: dict[str, Callable[[str, str], int | None]] = {
    "pypi": compare_pypi,
    "npm": compare_semver,
    "gem": compare_gem,
    "maven": compare_maven,
    "golang": compare_semver,
    "cargo": compare_semver,
    "nuget": compare_semver,
}
