"""The list of commands that help shows: what is read from sources is what the modules say, a line each."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from imgtools.cli.command.listing import SECTIONS, Listed, by_section, command_modules, listed
from tests.support.command import imgtools

GROUPS = [
    name for name, module in command_modules().items() if hasattr(importlib.import_module(module), "__path__")
]


@pytest.mark.parametrize("found", list(listed()), ids=lambda one: one.name)
def test_the_sources_say_what_the_modules_say(found: Listed) -> None:
    module = importlib.import_module(command_modules()[found.name])
    text = module.__doc__ if found.name in GROUPS else module.command.__doc__
    assert found.summary == inspect.cleandoc(text or "").partition("\n")[0]
    assert found.section == module.SECTION and found.section in SECTIONS


@pytest.mark.parametrize("group", GROUPS)
def test_commands_of_a_group_are_read_too(group: str) -> None:
    package = command_modules()[group]
    for found in listed(package):
        module = importlib.import_module(command_modules(package)[found.name])
        assert found.summary == inspect.cleandoc(module.command.__doc__).partition("\n")[0]


def test_every_command_is_in_the_help_once_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = imgtools("--help").out.splitlines()
    for found in listed():
        own = [line for line in lines if line.startswith(f"  {found.name} ")]
        assert len(own) == 1 and own[0].endswith(found.summary), f"{found.name}: shorten the summary"
    assert all(len(line) <= 80 for line in lines)


def test_sections_stand_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = imgtools("--help").out.splitlines()
    assert [line.removesuffix(":") for line in lines if line.removesuffix(":") in SECTIONS] == list(SECTIONS)
    assert [section for section, _ in by_section()] == list(SECTIONS)


def test_a_command_without_a_section_is_listed_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "odd_commands"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text('def command(\n    a: int,\n) -> None:\n    """Do it."""\n')
    (package / "two_words.py").write_text('def command() -> None:\n    r"""Do more.\n\n    Text.\n    """\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    assert list(listed("odd_commands")) == [Listed("one", "", "Do it."), Listed("two-words", "", "Do more.")]
