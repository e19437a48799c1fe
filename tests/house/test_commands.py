"""Every command has a help text, examples that parse, a page, a workflow and tests of its own."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
from contextlib import suppress
from types import ModuleType

import pytest
import typer

from tests.house.source import ROOT, report
from tools.docs import Command, commands, pages, stale
from tools.options import command_object

FOUND = {one.name: one for one in commands()}
each_command = pytest.mark.parametrize("command", FOUND.values(), ids=FOUND)


def module_of(command: Command) -> ModuleType:
    """The module of cli/ that is this command."""
    name = command.name.replace("-", "_").replace(" ", ".")
    for spelling in (name, f"{name}_"):  # `import_.py` is the command `import`
        if importlib.util.find_spec(f"imgtools.cli.{spelling}"):
            return importlib.import_module(f"imgtools.cli.{spelling}")
    raise AssertionError(f"no module for {command.name}")


@each_command
def test_summary_is_one_sentence(command: Command) -> None:
    assert re.fullmatch(r"[A-Z].{5,78}\.", command.summary), f"cli/{command.name}: {command.summary!r}"


@each_command
def test_every_option_says_what_it_does(command: Command) -> None:
    silent = [word.spelling for word in command.words if not word.text.strip()]
    assert not silent, report(f"imgtools {command.name}: these have no help text", silent)


@each_command
def test_examples_are_of_this_command(command: Command) -> None:
    assert command.examples, f"cli/{command.name}: give it EXAMPLES, a tuple of command lines"
    for example in command.examples:
        assert f"imgtools {command.name}" in example, f"an example of another command: {example}"


@each_command
def test_examples_parse(command: Command) -> None:
    """Every option that an example uses exists, every argument is there; nothing is run."""
    for example in command.examples:
        calls = _calls(example, command)
        assert calls, f"no call of imgtools {command.name} in the example: {example}"
        for words in calls:
            found = command_object(command.name)
            with suppress(typer.Exit):  # an option such as --list that answers at once
                found.make_context(found.name, words[len(command.name.split()) :])


def _calls(example: str, command: Command) -> list[list[str]]:
    """The words after `imgtools` of each call; pipes, redirections and other programs are left out."""
    lexer = shlex.shlex(example, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    calls: list[list[str]] = []
    current: list[str] | None = None
    for word in lexer:
        if set(word) <= set("|&;<>()"):
            current = None
        elif word == "imgtools":
            current = []
            calls.append(current)
        elif current is not None:
            current.append(word)
    return [words for words in calls if words[: len(command.name.split())] == command.name.split()]


@each_command
def test_command_has_tests(command: Command) -> None:
    """A file of its own, or for a command of a group the group's file, which names it."""
    name = command.name.replace("-", "_").replace(" ", "_")
    places = [
        *(ROOT / "tests" / "cli").glob(f"test_{name}.py"),
        *(ROOT / "tests").glob(f"unit/**/test_{name}.py"),
    ]
    group, _, member = command.name.partition(" ")
    shared = [*(ROOT / "tests" / "cli").glob(f"test_{group}.py")] if member else []
    named = any(f'"{member}"' in path.read_text() or f" {member}" in path.read_text() for path in shared)
    assert places or named, f"write tests/cli/test_{name}.py for imgtools {command.name}"


@each_command
def test_command_decides_nothing(command: Command) -> None:
    """A command imports its workflow inside the function: help stays quick, and the story is told below."""
    source = inspect.getsource(module_of(command))
    # Other programs' names have a room of their own, and so have fleets.
    rooms = {"virt": "compat", "fleet": "fleet"}
    room = rooms.get(command.name.partition(" ")[0], "workflows")
    assert f"imgtools.{room}" in source, f"cli/{command.name}: the work belongs in {room}/"


def test_pages_are_fresh() -> None:
    old = [str(path) for path in stale(pages())]
    assert not old, report("run `make docs` and commit what it writes; these pages are stale", old)
