"""Which of two versions is newer, by the rules of dpkg, rpm and apk.

Sources: deb-version(7) and dpkg's lib/dpkg/version.c; rpm-version(7) and rpm's rpmio/rpmvercmp.c; apk-package(5) and
apk-tools' test/version.data. Held against the programs themselves in tests/unit/guest/packages/test_versions.py.
Each function returns a number below zero, zero or above, as its first version is older, the same or newer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest

from imgtools.guest.packages.applications import split_version

LONGEST = 512  # characters of a version that are looked at; the longest in a distribution has some 80

# -- dpkg ------------------------------------------------------------------------------------------------------


def compare_deb(one: str, other: str) -> int:
    """Compare ``[epoch:]version[-revision]`` of Debian."""
    (epoch, version, revision), (epoch2, version2, revision2) = split_version(one), split_version(other)
    if epoch != epoch2:
        return epoch - epoch2
    return _deb_part(version, version2) or _deb_part(revision, revision2)


def _deb_part(one: str, other: str) -> int:
    """Compare by turns what is no digit, letter by letter, and what is one, as numbers."""
    pieces = (re.findall(r"(\D*)(\d*)", text[:LONGEST], re.ASCII) for text in (one, other))
    for (text, number), (text2, number2) in zip_longest(*pieces, fillvalue=("", "")):
        if text != text2:
            orders = ([_deb_order(letter) for letter in each] for each in (text, text2))
            for order, order2 in zip_longest(*orders, fillvalue=0):
                if order != order2:
                    return order - order2
        difference = int(number or 0) - int(number2 or 0)
        if difference:
            return difference
    return 0


def _deb_order(letter: str) -> int:
    """A tilde before the end, the end before letters, letters before all else."""
    if letter == "~":
        return -1
    return ord(letter) if letter.isascii() and letter.isalpha() else ord(letter) + 256


# -- rpm -------------------------------------------------------------------------------------------------------


def compare_rpm(one: str, other: str) -> int:
    """Compare ``[epoch:]version[-release]`` of rpm; a release that only one of them has does not count."""
    (epoch, version, release), (epoch2, version2, release2) = split_version(one), split_version(other)
    if epoch != epoch2:
        return epoch - epoch2
    newer = _rpm_part(version, version2)
    return newer or (_rpm_part(release, release2) if release and release2 else 0)


_RPM_PIECE = re.compile(r"[0-9]+|[a-zA-Z]+|~|\^")


def _rpm_part(one: str, other: str) -> int:
    """Compare number by number and word by word; what stands between them does not count, but for ``~`` and ``^``."""
    for piece, piece2 in zip_longest(*(_RPM_PIECE.findall(text[:LONGEST]) for text in (one, other))):
        if piece == piece2:
            continue
        if "~" in (piece, piece2):  # before everything, even the end
            return -1 if piece == "~" else 1
        if "^" in (piece, piece2):  # behind the end, and before everything else
            if piece is None or piece2 is None:
                return 1 if piece2 is None else -1
            return -1 if piece == "^" else 1
        if piece is None or piece2 is None:
            return 1 if piece2 is None else -1
        newer = _rpm_piece(piece, piece2)
        if newer:
            return newer
    return 0


def _rpm_piece(piece: str, piece2: str) -> int:
    """A number is newer than a word."""
    if piece.isdigit() != piece2.isdigit():
        return 1 if piece.isdigit() else -1
    if piece.isdigit():
        return int(piece) - int(piece2)
    return (piece > piece2) - (piece < piece2)


# -- apk -------------------------------------------------------------------------------------------------------

_FIRST, _NUMBER, _LETTER, _SUFFIX, _SUFFIX_NUMBER, _REVISION, _END, _INVALID = range(8)
_SUFFIXES = {
    "alpha": -4, "beta": -3, "pre": -2, "rc": -1, "": 0, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5,
}  # fmt: skip
_APK_PIECE = re.compile(
    r"(?P<revision>-r(?P<r>\d*))|(?P<suffix>_(?P<s>[a-z]*))|(?P<letter>[a-z])|\.?(?P<number>\d+)", re.ASCII
)


def compare_apk(one: str, other: str) -> int:
    """Compare ``1.2.3b_rc1-r4`` of Alpine. What is not of that form ends where it leaves it."""
    kind = kind2 = _END
    value = value2 = ""
    for (kind, value), (kind2, value2) in zip(_apk_pieces(one), _apk_pieces(other), strict=False):
        if kind != kind2:
            break
        newer = _apk_piece(kind, value, value2)
        if newer:
            return newer
    if kind == kind2:
        return 0
    # One goes on: it is newer, unless it goes on with what comes before a release.
    if kind == _SUFFIX and _SUFFIXES[value] < 0:
        return -1
    if kind2 == _SUFFIX and _SUFFIXES[value2] < 0:
        return 1
    return kind2 - kind


def _apk_pieces(version: str) -> list[tuple[int, str]]:
    """Return kinds and values; the last is the end, or where it is no version."""
    found: list[tuple[int, str]] = []
    before, at, text = -1, 0, version[:LONGEST]
    while at < len(text):
        match = _APK_PIECE.match(text, at)
        kind = _INVALID if match is None else _apk_kind(match, before)
        if match is None or kind == _INVALID:
            return [*found, (_INVALID, "")]
        value = next((each for each in match.group("r", "s", "letter", "number") if each is not None), "")
        found.append((kind, value))
        before, at = kind, match.end()
    return [*found, (_END, "")]


def _apk_kind(match: re.Match[str], before: int) -> int:
    """Return what a piece is behind the one before it; what may not stand there is no version."""
    if match["revision"] is not None:
        return _REVISION if 0 <= before < _REVISION else _INVALID
    if match["suffix"] is not None:
        return _SUFFIX if 0 <= before <= _SUFFIX_NUMBER and match["s"] in _SUFFIXES else _INVALID
    if match["letter"] is not None:
        return _LETTER if before in (_FIRST, _NUMBER) else _INVALID
    if before == -1:
        return _INVALID if match[0].startswith(".") else _FIRST
    if match[0].startswith("."):
        return _NUMBER if before in (_FIRST, _NUMBER) else _INVALID
    return _SUFFIX_NUMBER if before == _SUFFIX else _INVALID


def _apk_piece(kind: int, value: str, value2: str) -> int:
    if kind == _SUFFIX:
        return _SUFFIXES[value] - _SUFFIXES[value2]
    # A number behind a point that begins with a zero is compared as text: 1.07 is older than 1.1.
    as_text = kind == _LETTER or (kind == _NUMBER and "0" in (value[:1], value2[:1]))
    if as_text or not (value and value2):
        return (value > value2) - (value < value2)
    return int(value) - int(value2)


COMPARE: dict[str, Callable[[str, str], int]] = {"deb": compare_deb, "rpm": compare_rpm, "apk": compare_apk}
