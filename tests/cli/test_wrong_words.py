"""Words that imgtools does not know: one line, what to type instead, exit code 2, and JSON for programs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgtools import __version__
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
        (("convert", "d", "--output", "e"), "no such option: --output", "did you mean --output-format"),
        (("audit", "d", "--only", "sshd"), "no such check: sshd", "did you mean ssh-*?"),
        (("audit", "d", "--only", "file-shadow-mod"), "no such check", "did you mean file-shadow-mode?"),
        (("bitmap", "rm", "d", "b"), "no such command 'rm'", "did you mean delete? or: imgtools bitmap"),
    ],
)
def test_one_line_and_what_to_type(words: tuple[str, ...], message: str, hint: str) -> None:
    ran = imgtools(*words, code=2)
    first, second = ran.err.splitlines()
    assert first.startswith("imgtools: ") and message in first
    assert second.startswith("  hint: ") and hint in second
    assert ran.out == ""


def test_an_image_where_the_command_stands(tmp_path: Path) -> None:
    image = tmp_path / "a disk.img"
    image.touch()
    ran = imgtools(image, code=2)
    assert f"the command stands before the image: imgtools inspect '{image}'" in ran.err


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


def test_help_is_asked_for_in_several_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for command in (("cat",), ("snapshot",), ("snapshot", "list"), ("bitmap", "remove"), ()):
        asked = [
            imgtools(*command, "--help").out,
            imgtools(*command, "-h").out,
            imgtools("help", *command).out,
        ]
        assert asked[0] == asked[1] == asked[2] and "Usage: imgtools" in asked[0]
    assert "--human-readable" in imgtools("df", "--help").out
    assert imgtools("df", "-h", code=2).err.startswith("imgtools: no image is named")
    assert "did you mean cat" in imgtools("help", "catt", code=2).err


@pytest.mark.parametrize(
    "words", [("--version",), ("-V",), ("-v",), ("cat", "-V"), ("snapshot", "list", "--version")]
)
def test_the_version_is_told(words: tuple[str, ...]) -> None:
    first, *parts = imgtools(*words).out.splitlines()
    assert first == f"imgtools {__version__}"
    told = dict(part.rsplit(" ", 1) for line in parts for part in line.split(", "))
    assert {"Python", "libguestfs", "libnbd", "qemu-img", "typer"} <= told.keys()
    assert all(re.match(r"\d+\.\d+|\d{8}$", version) for version in told.values()), told


@pytest.mark.parametrize("option", ["-v", "--json", "-q"])
def test_options_stand_behind_the_command(option: str) -> None:
    assert f"imgtools COMMAND {option}" in imgtools(option, "cat", "disk.img", "/x", code=2).err


def test_the_help_breaks_lines_where_the_terminal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = [line.strip() for line in imgtools("make", "--help").out.splitlines()]
    assert "modes, times, extended attributes, hard links and holes are kept where the" in told
