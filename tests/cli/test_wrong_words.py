"""Words that imgtools does not know: one line, what to type instead, exit code 2, and JSON for programs."""

from __future__ import annotations

import pytest

from imgtools.cli import app
from tests.support.command import imgtools


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("cat", "--fromat", "raw", "d", "/x"), "no such option: --fromat", "did you mean --format"),
        (("convrt",), "no such command 'convrt'", "did you mean convert"),
        (("snapshot", "creat", "d"), "no such command 'creat'", "did you mean create? or: imgtools snapshot"),
        (("convert", "d"), "missing argument 'TARGET'", "imgtools convert --help"),
        (("convert", "a", "b", "--jobs", "99"), "99 is not in the range 1<=x<=16", "imgtools convert --help"),
        (("create", "a", "1M", "--preallocation", "much"), "'much' is not one of 'off'", "imgtools create"),
        (("resize", "d", "1G", "--copy"), "option '--copy' requires an argument", "--help"),
    ],
)
def test_one_line_and_what_to_type(words: tuple[str, ...], message: str, hint: str) -> None:
    ran = imgtools(*words, code=2)
    first, second = ran.err.splitlines()
    assert first.startswith("imgtools: ") and message in first
    assert second.startswith("  hint: ") and hint in second
    assert ran.out == ""


def test_programs_get_a_document() -> None:
    error = imgtools("cat", "--json", "--nothing", code=2).json["error"]
    assert (error["class"], error["message"], error["exit_code"]) == (
        "UsageError",
        "no such option: --nothing",
        2,
    )


@pytest.mark.parametrize("words", [(), ("snapshot",)])
def test_no_words_show_the_help(words: tuple[str, ...]) -> None:
    ran = imgtools(*words, code=2)
    assert "Usage: imgtools" in ran.out + ran.err


def test_only_errors_about_words_are_taken_for_such() -> None:
    """The class has no public name: if typer puts another base there, bugs must not become wrong words."""
    assert app._WRONG_WORDS.__name__ == "ClickException"
    assert not issubclass(ValueError, app._WRONG_WORDS)
