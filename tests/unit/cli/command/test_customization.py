"""The customize options: read from the sources, and kept in the order in which they were given."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.cli.app import load_command
from imgtools.cli.command.customization import offered, pack, words_in_order
from imgtools.cli.command.typer_adapter import given_in_order
from imgtools.errors import UsageError
from imgtools.records.request import Customization


def given(*words: str, command: str = "customize") -> list[tuple[str, str]]:
    found = load_command(command, f"imgtools.cli.{command}")
    return list(words_in_order(given_in_order(found.make_context(command, ["disk.img", *words]))))


def test_the_order_is_that_of_the_words() -> None:
    words = ("--mkdir", "/a", "--update", "--hostname=b:c", "--mkdir", "/d", "--json", "--delete", "-x")
    assert given(*words) == [
        ("mkdir", "/a"), ("update", ""), ("hostname", "b:c"), ("mkdir", "/d"), ("delete", "-x"),
    ]  # fmt: skip
    assert given("--update", "--mkdir", "/a") == [("update", ""), ("mkdir", "/a")]
    assert given() == []


def test_a_value_may_look_like_an_option_or_a_number() -> None:
    assert given("--write-file", "/a:--mkdir", "--append-line", "1:2") == [
        ("write-file", "/a:--mkdir"),
        ("append-line", "1:2"),
    ]


@pytest.mark.parametrize("command", ["customize", "sysprep", "clone"])
def test_every_command_with_the_group_has_every_option(command: str) -> None:
    """A command's own option of the same name comes first: clone's --hostname is a pattern."""
    found = load_command(command, f"imgtools.cli.{command}")
    options = [name for param in found.params for name in param.opts if name.startswith("--")]
    assert len(options) == len(set(options))
    assert {f"--{one.name}" for one in offered()} <= set(options)


def test_a_word_is_carried_as_it_was_typed() -> None:
    """No number or mark is put into it, so nothing has to be taken out of it again."""
    for word in ("1:a", "", ":", "0:", "12:34:56", "é\n\udcff"):
        assert given(f"--append-line=/a:{word}", "--delete", word) == [
            ("append-line", f"/a:{word}"),
            ("delete", word),
        ]


def test_no_options_are_no_orders() -> None:
    nothing = {"network": False, "password_method": "", "password_output": None}
    assert pack(nothing, (), str) == Customization()
    with pytest.raises(UsageError, match="--password-method is about orders"):
        pack({**nothing, "password_method": "sha512"}, (), str)
    with pytest.raises(UsageError, match="--password-output is about orders"):
        pack({**nothing, "password_output": Path("pw")}, (), str)
