"""The man pages: one for each command, in which man finds no fault and nothing is lost."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.house.source import report
from tools.docs import commands
from tools.man import pages, rendered

MOMENT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    for name, text in pages(MOMENT).items():
        (folder / name).write_text(rendered(text))
    return folder


def shown(page: Path) -> tuple[str, str]:
    """Return what man shows of a page, each run of blanks as one, and its warnings."""
    env = os.environ | {"MANWIDTH": "80", "MANROFFOPT": "-c", "LC_ALL": "C.UTF-8"}
    ran = subprocess.run(
        ["man", "--warnings", "--no-hyphenation", "--no-justification", "-l", "-P", "cat", page],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return re.sub(r".\x08", "", " ".join(ran.stdout.split())), ran.stderr


def test_every_command_has_a_page_and_imgtools_itself_has_one(folder: Path) -> None:
    wanted = {f"imgtools-{one.name.replace(' ', '-')}.1" for one in commands()} | {"imgtools.1"}
    assert {one.name for one in folder.iterdir()} == wanted
    text, _ = shown(folder / "imgtools.1")
    broken = [name for name in wanted - {"imgtools.1"} if f"{name.removesuffix('.1')}(1)" not in text]
    assert not broken, report("imgtools(1) names every page", broken)


def test_man_warns_of_nothing(folder: Path) -> None:
    wall = ["groff", "-k", "-z", "-wall", "-man", "-Tutf8", "-rLL=400n"]
    ran = subprocess.run([*wall, *sorted(folder.iterdir())], capture_output=True, text=True, check=True)
    assert ran.stderr == ""


def test_options_examples_and_odd_letters_arrive(folder: Path) -> None:
    text, warnings = shown(folder / "imgtools-edit.1")
    assert warnings == ""
    assert "imgtools-edit - " in text
    assert "Opens $VISUAL or $EDITOR" in text
    assert "--backing-policy same-dir|none|any" in text
    text, _ = shown(folder / "imgtools-registry-get.1")
    assert r"HKLM\SOFTWARE" in text
    assert "**" not in text
    assert "`" not in text


def test_the_date_is_the_one_asked_for(folder: Path) -> None:
    assert '"November 2026"' in (folder / "imgtools-df.1").read_text()
    assert pages(MOMENT) == pages(MOMENT)
