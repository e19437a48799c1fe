"""Repositories: what is not signed, in hostile files too."""

from __future__ import annotations

import pytest

from imgtools.errors import OddGuest
from imgtools.guest.packages.repositories import (
    LIMIT,
    read_sections,
    unsigned_apt,
    unsigned_pacman,
    unsigned_rpm,
)
from tests.support.memory import memory_files


def test_sections_and_their_lines() -> None:
    text = "a=1\n[one]\n# b=2\nB = 2\n continued=no\n[two\nc=3\n[three] x\nd = e = f\n"
    sections = read_sections(memory_files({"/x": text}), "/x")
    assert [(one.name, one.line, one.values.keys()) for one in sections] == [
        ("", 1, {"a": 0}.keys()),
        ("one", 2, {"b": 0, "c": 0}.keys()),
        ("three", 8, {"d": 0}.keys()),
    ]
    assert (sections[1].get("b"), sections[1].get("z"), sections[2].get("d")) == ("2", "", "e = f")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "deb [" + "a=b " * 5000,
        "\0\udcff=\n[\0]\n",
        "deb [trusted=yes",
        "\n" * 50_000,
        ": : :\n\n:",
    ],
)
def test_hostile_files_say_nothing(text: str) -> None:
    files = memory_files(
        {
            "/etc/apt/sources.list": text,
            "/etc/apt/sources.list.d/a.sources": text,
            "/etc/apt/apt.conf": text,
            "/etc/yum.repos.d/a.repo": text,
            "/etc/pacman.conf": text,
        }
    )
    assert [*unsigned_apt(files), *unsigned_rpm(files), *unsigned_pacman(files)] == []


def test_a_file_that_is_too_large_is_named() -> None:
    files = memory_files({"/etc/apt/sources.list": "deb [trusted=yes] http://a x\n" + "#" * LIMIT})
    with pytest.raises(OddGuest, match=r"/etc/apt/sources\.list"):
        list(unsigned_apt(files))


def test_the_line_of_a_stanza_is_told() -> None:
    text = "# first\nTypes: deb\n\n# c\n\nTypes: deb\nURIs: http://u:p@b/\nAllow-Insecure: yes\n"
    found = list(unsigned_apt(memory_files({"/etc/apt/sources.list.d/a.sources": text})))
    assert [(one.name, one.line, one.text) for one in found] == [("http://b/", 8, "allow-insecure: yes")]
