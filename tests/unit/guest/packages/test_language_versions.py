"""Versions of language packages are compared as their package managers do."""

from __future__ import annotations

import pytest

from imgtools.guest.packages.language_versions import COMPARE


@pytest.mark.parametrize(
    ("kind", "older", "newer"),
    [
        # semver.org, item 11
        ("npm", "1.0.0-alpha", "1.0.0-alpha.1"),
        ("npm", "1.0.0-alpha.1", "1.0.0-alpha.beta"),
        ("npm", "1.0.0-beta.2", "1.0.0-beta.11"),
        ("npm", "1.0.0-rc.1", "1.0.0"),
        ("npm", "2.9.9", "2.10.0"),
        ("golang", "v0.0.0-20190308221718-c2843e01d9a2", "v0.1.0"),
        ("golang", "1.20.1", "1.21.0"),
        ("nuget", "4.3.0", "4.3.0.1"),
        ("cargo", "0.9.0", "0.10.0"),
        ("pypi", "1.0rc1", "1.0"),
        ("pypi", "1.0", "1.0.post1"),
        ("pypi", "2022.9.24", "2022.12.7"),
        ("gem", "1.0.a", "1.0"),
        ("gem", "1.0.a10", "1.0.b1"),
        ("gem", "3.2.2", "3.2.10"),
        ("gem", "1.0.0-rc1", "1.0.0"),
        # Maven's own examples
        ("maven", "1.0-alpha-1", "1.0-beta-1"),
        ("maven", "1.0-SNAPSHOT", "1.0"),
        ("maven", "1.0", "1.0-sp1"),
        ("maven", "1.0-rc2", "1.0"),
        ("maven", "2.14.1", "2.15.0"),
        ("maven", "1-foo", "1-1"),
    ],
)
def test_order(kind: str, older: str, newer: str) -> None:
    there, back = COMPARE[kind](older, newer), COMPARE[kind](newer, older)
    assert there is not None and back is not None and there < 0 < back


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("npm", "1.0.0+a", "v1.0.0+b"),
        ("pypi", "1.0", "1.0.0"),
        ("gem", "1.0", "1"),
        ("maven", "1.0.0", "1-ga"),
        ("maven", "1.0-cr1", "1.0-rc1"),
    ],
)
def test_equal(kind: str, one: str, other: str) -> None:
    assert COMPARE[kind](one, other) == 0


@pytest.mark.parametrize("kind", ["npm", "pypi", "gem", "golang", "cargo", "nuget"])
def test_what_is_no_version_is_not_compared(kind: str) -> None:
    for text in ("latest!", "1" * 5000, "\0"):
        assert COMPARE[kind](text, "1.0.0") is None
