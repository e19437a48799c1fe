"""The options of all commands: none is lost, and one thing has one name and one letter."""

from __future__ import annotations

import json
import re

import pytest

from imgtools.cli.command import option_names
from imgtools.cli.command.option_names import Name
from imgtools.cli.command.shared_options import ORDERS
from imgtools.cli.command.typer_adapter import taken
from tests.house.source import ROOT, report
from tools.docs import commands
from tools.options import NAMESAKES, command_object, of, read, shown

BEFORE = json.loads((ROOT / "tests" / "golden" / "options-before.json").read_text(encoding="utf-8"))
# Another word in an option's name for something that has a name already.
OTHER_WORDS = re.compile(r"format|secret|passphrase|backing|\bbase\b|force|overwrite|jobs|threads|remove|dry")
NOT_THE_SAME = {
    "--resize-force": "a partition's size, whatever is cut off: as virt-resize",
}


@pytest.mark.parametrize("name", BEFORE)
def test_no_command_loses_an_option(name: str) -> None:
    """Every spelling that once worked still does, and takes as many words as it did."""
    assert command_object(name) is not None, f"imgtools {name} is gone; keep its old name working"
    options = read(name).options
    lost = [
        f"{spelling} took {kind}, now {options.get(spelling, 'it is unknown')}"
        for spelling, kind in BEFORE[name]["options"].items()
        if options.get(spelling) not in {kind, "values" if kind == "value" else kind}
    ]
    assert not lost, report(f"imgtools {name} has lost options", lost)


@pytest.mark.parametrize("name", BEFORE)
def test_no_command_wants_other_words(name: str) -> None:
    """Arguments stay where they were; one may join at the end, and where one IMAGE stood there may be several."""
    then, now = BEFORE[name]["arguments"], read(name).arguments
    assert [one.removesuffix("...") for one in now[: len(then)]] == [one.removesuffix("...") for one in then]


@pytest.mark.parametrize("name", option_names.ALL, ids=lambda name: name.long)
def test_one_name_has_one_letter(name: Name) -> None:
    assert of(name), f"no command takes {name.long}: it need not be in the table"
    odd = [
        f"{one.command}: {' '.join(one.said.spellings)}"
        for one in of(name)
        if one.letters != name.words[1:] and (one.command, *one.letters) not in NAMESAKES
    ]
    odd = [one for one in odd if not _letter_is_a_namesakes(one.partition(":")[0], name)]
    assert not odd, report(f"{name.long} is written {' '.join(name.words)} in every command", odd)


def _letter_is_a_namesakes(command: str, name: Name) -> bool:
    """Whether the command's own option has the letter, so that the table's name stands there without it."""
    return (command, name.letter) in NAMESAKES


def test_a_letter_means_one_thing_but_where_a_namesake_has_it() -> None:
    letters = {name.letter: name.long for name in option_names.ALL if name.letter}
    found = {
        (one.command, letter)
        for one in shown()
        for letter in one.letters
        if one.long != letters.get(letter, one.long)
    }
    assert found == set(NAMESAKES), "tools/options.py NAMESAKES: say why, or take another letter"


def test_nothing_has_a_second_name() -> None:
    """A new command takes a thing of the table by its name there."""
    known = {name.long for name in option_names.ALL} | set(NOT_THE_SAME)
    odd = [
        f"{one.command}: {one.long}"
        for one in shown()
        if one.said.panel != ORDERS and OTHER_WORDS.search(one.long) and one.long not in known
    ]
    assert not odd, report("imgtools/cli/command/option_names.py has a name for this", odd)


def test_an_old_name_is_the_same_option() -> None:
    for option in shown():
        words = taken(command_object(option.command))
        assert {words[old] for old in option.old} <= {words[option.long]}


def test_examples_use_the_names_of_today() -> None:
    names: dict[str, set[str]] = {}
    for option in shown():
        names.setdefault(option.command, set()).update(option.old)
    odd = [
        f"{command.name}: {word} in {example}"
        for command in commands()
        for example in command.examples
        for word in example.split()
        if word.partition("=")[0] in names[command.name] and f"imgtools {command.name}" in example
    ]
    assert not odd, report("docs/options.md has the name of today", odd)
