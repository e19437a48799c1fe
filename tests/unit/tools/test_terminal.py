"""What the documentation shows is what the commands print."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools import __version__
from tools.terminal import WIDTH, run_on_terminal
from tools.transcript import refresh

pytestmark = pytest.mark.host


def test_commands_believe_that_a_person_reads(tmp_path: Path) -> None:
    shown = run_on_terminal("test -t 1 && echo $COLUMNS", tmp_path)
    assert (shown.text, shown.code) == (f"{WIDTH}\n", 0)


def test_escape_sequences_are_kept_for_colour_only(tmp_path: Path) -> None:
    line = r"printf '\033[1;31mred\033[0m \033]0;title\007end\n'"
    assert run_on_terminal(line, tmp_path).text == "red end\n"
    assert "\x1b[1;31m" in run_on_terminal(line, tmp_path, colour=True).text


def test_imgtools_is_the_one_of_this_checkout(tmp_path: Path) -> None:
    """Also where no `imgtools` is installed: the pages must never show "command not found"."""
    said = run_on_terminal("PATH=/usr/bin:/bin; imgtools --version", tmp_path).text
    assert said.startswith(f"imgtools {__version__}\n")


def test_errors_and_exit_code_are_shown_too(tmp_path: Path) -> None:
    shown = run_on_terminal("echo gone >&2; exit 25", tmp_path)
    assert (shown.text, shown.code) == ("gone\n", 25)


def test_blocks_get_the_output_of_their_commands(tmp_path: Path) -> None:
    (tmp_path / "motd").write_text("hello\n")
    page = "Before\n\n```console\n$ cat motd\nold output\nmore\n$ echo two\n```\n\n```\n$ cat motd\nleft alone\n```\n"
    fresh = refresh(page, tmp_path)
    assert "```console\n$ cat motd\nhello\n$ echo two\ntwo\n```\n" in fresh
    assert fresh.endswith("```\n$ cat motd\nleft alone\n```\n")
    assert refresh(fresh, tmp_path) == fresh


def test_the_scratch_folder_is_not_shown(tmp_path: Path) -> None:
    assert "```console\n$ pwd\n.\n```" in refresh("```console\n$ pwd\n```", tmp_path)
